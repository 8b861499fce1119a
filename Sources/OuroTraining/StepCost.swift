import Ouro

/// The operations of the matrix products for one position. A multiply-add counts as two.
struct StepCost {
    let forwardOperations: Double
    /// Operations of the forward and the backward pass. Each forward product has two backward products.
    var trainingOperations: Double { 3 * forwardOperations }

    /// - Parameters:
    ///   - configuration: the model.
    ///   - length: positions of a sequence. On average, a position attends to half of them.
    ///   - loops: the number of loops.
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
