/// A request that has been checked: its prompt as tokens, and a value for everything it left open.
///
/// ``Engine/prepare(_:)`` makes one. Preparing a request and starting it later costs no more than starting it at once.
public struct PreparedRequest: Sendable {
    /// The prompt.
    public let prompt: [Int]
    /// Tokens that the generation can have at most, after the limits of the model's context.
    public var maxTokens: Int { resolved.maxTokens }
    /// The loops that the generation runs at most.
    public var loops: Int { resolved.loops }
    let resolved: ResolvedRequest
}
