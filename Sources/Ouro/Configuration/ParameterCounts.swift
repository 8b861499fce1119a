/// How many parameters the parts of a model have, whatever its weights are stored as.
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
        for tensor in Checkpoint.expectedTensors(for: configuration) {
            let count = tensor.shape.reduce(1, *)
            switch tensor.name {
            case Checkpoint.embeddingName: embedding += count
            case Checkpoint.headName: head += count
            case _ where tensor.name.hasPrefix(Checkpoint.gateModule + "."): gate += count
            default: block += count
            }
        }
    }
}
