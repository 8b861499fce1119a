/// A checked request: its prompt as tokens, and a value for every default.
///
/// ``Engine/prepare(_:)`` makes one. Preparing a request and starting it later costs no more than starting it at once.
public struct PreparedRequest: Sendable {
    /// The tokens of the prompt.
    public let prompt: [Int]
    /// Most tokens to generate, limited by the context of the model.
    public var maxTokens: Int { resolved.maxTokens }
    /// Number of loops.
    public var loops: Int { resolved.loops }
    let resolved: ResolvedRequest
}
