import Ouro

/// Operations of the products of one position, a multiply-add counting as two.
struct StepCost {
    let forwardOperations: Double
    /// Forwards and backwards: every product has two backward ones.
    var trainingOperations: Double { 3 * forwardOperations }

    /// - Parameters:
    ///   - length: of a sequence; a position sees half of it on average.
    init(_ configuration: ModelConfiguration, length: Int, loops: Int) {
        let hidden = Double(configuration.hiddenSize)
        let queries = Double(configuration.headCount * configuration.headDimension)
        let keys = Double(configuration.keyValueHeadCount * configuration.headDimension)
        let layer = hidden * (2 * queries + 2 * keys) + 3 * hidden * Double(configuration.intermediateSize)
        let attention = 2 * queries * Double(length + 1) / 2
        let head = hidden * Double(configuration.vocabularySize)
        forwardOperations =
            2 * Double(loops) * (Double(configuration.layerCount) * (layer + attention) + head)
    }
}
