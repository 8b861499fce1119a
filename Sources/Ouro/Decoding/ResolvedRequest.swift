/// A generation request with a value for every default. All values have been checked.
package struct ResolvedRequest: Sendable {
    package var vocabularySize: Int
    package var loops: Int
    package var exit: ExitPolicy
    package var maxTokens: Int
    package var endTokens: Set<Int>
    package var sampling: SamplingParameters
    package var prefillChunk: Int
    package var wavefront: Bool
    package var draftTokens: Int
    package var kvPolicy: KVPolicy
    package var traces: Bool
    package var everyLoop: Bool
    package var cacheSalt: String
    package var minTokens: Int
    package var alternatives: Int
    package var constraint: (any TokenConstraint)?
    package var text: TextAssembler

    package init(
        vocabularySize: Int, loops: Int, exit: ExitPolicy, maxTokens: Int, endTokens: Set<Int> = [],
        sampling: SamplingParameters = SamplingParameters(), prefillChunk: Int, wavefront: Bool, draftTokens: Int = 0,
        kvPolicy: KVPolicy = .full, traces: Bool = false, everyLoop: Bool = false, cacheSalt: String = "",
        minTokens: Int = 0, alternatives: Int = 0, constraint: (any TokenConstraint)? = nil,
        text: TextAssembler = TextAssembler(tokenizer: nil, stop: [], showsSpecialTokens: false)
    ) {
        self.vocabularySize = vocabularySize
        self.loops = loops
        self.exit = exit
        self.maxTokens = maxTokens
        self.endTokens = endTokens
        self.sampling = sampling
        self.prefillChunk = prefillChunk
        self.wavefront = wavefront
        self.draftTokens = draftTokens
        self.kvPolicy = kvPolicy
        self.traces = traces
        self.everyLoop = everyLoop
        self.cacheSalt = cacheSalt
        self.minTokens = minTokens
        self.alternatives = alternatives
        self.constraint = constraint
        self.text = text
    }
}

/// A scoring request with a value for every default. All values have been checked.
package struct ResolvedScoring: Sendable {
    package let tokens: [Int]
    package let loops: Int
    package let exit: ExitPolicy
    package let prefillChunk: Int
    package var alternatives = 0
    package var cacheSalt = ""
    package var kvPolicy = KVPolicy.full
    /// Number of tokens before the cache policy applies.
    package var promptTokens: Int
    /// Called on the inference thread with the number of positions that are complete.
    package var progress: (@Sendable (Int) -> Void)?

    package init(tokens: [Int], loops: Int, exit: ExitPolicy, prefillChunk: Int) {
        self.tokens = tokens
        self.loops = loops
        self.exit = exit
        self.prefillChunk = prefillChunk
        promptTokens = tokens.count
    }
}
