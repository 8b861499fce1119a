/// The number of parameters in each part of a model. How the weights are stored does not change it.
public struct ParameterCounts: Sendable, Equatable {
    /// The looped block and the final norm.
    public private(set) var block = 0
    public private(set) var embedding = 0
    /// Zero if the head is tied to the embedding.
    public private(set) var head = 0
    public private(set) var gate = 0
    public var total: Int { block + embedding + head + gate }

    /// - Parameters:
    ///   - configuration: a validated configuration.
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
