/// The number of parameters in each part of a model. Quantisation does not change it.
public struct ParameterCounts: Sendable, Equatable {
    /// Parameters of the layers and the final norm.
    public private(set) var block = 0
    /// Parameters of the embedding.
    public private(set) var embedding = 0
    /// Parameters of the head. Zero if the head is tied to the embedding.
    public private(set) var head = 0
    /// Parameters of the exit gate.
    public private(set) var gate = 0
    /// Parameters of all parts together.
    public var total: Int { block + embedding + head + gate }

    /// Counts the parameters of a model.
    ///
    /// - Parameter configuration: a valid configuration.
    public init(_ configuration: ModelConfiguration) {
        let names = configuration.tensorNames
        for tensor in configuration.expectedTensors {
            let count = tensor.shape.reduce(1, *)
            switch tensor.name {
            case names.embedding.name: embedding += count
            case names.head.name: head += count
            case names.exitGate.name, names.exitGateBias.name: gate += count
            default: block += count
            }
        }
    }
}
