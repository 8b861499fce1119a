/// The output of a generation: its tokens, its text, the reason it ended, and the times of its tokens.
struct Transcript {
    /// The prompt, and the tokens generated so far.
    private(set) var tokens: [Int]
    let promptCount: Int
    private(set) var finishReason: FinishReason?
    private let maximumPositions: Int
    private let endTokens: Set<Int>
    private var text: TextAssembler
    private let submitted = ContinuousClock.now
    private var firstToken: ContinuousClock.Instant?

    init(prompt: [Int], request: ResolvedRequest) {
        tokens = prompt
        promptCount = prompt.count
        maximumPositions = prompt.count + request.maxTokens
        endTokens = request.endTokens
        text = request.text
    }

    /// The tokens generated so far.
    var output: ArraySlice<Int> { tokens[promptCount...] }
    /// The stop string that ended the text.
    var matchedStop: String? { text.matchedStop }
    /// The last final token.
    var lastToken: Int { tokens[tokens.count - 1] }

    /// Appends a final token. Returns the text that is complete with it.
    mutating func append(_ token: Int) -> String {
        tokens.append(token)
        if endTokens.contains(token) {
            finishReason = .stop
            return text.finish(endToken: token)
        }
        var (shown, stopped) = text.append(token)
        if stopped {
            finishReason = .stop
        } else if tokens.count == maximumPositions {
            finishReason = .length
        }
        if finishReason != nil && !stopped { shown += text.finish() }
        return shown
    }

    /// Records the time of a token.
    mutating func recordTime(in statistics: inout GenerationStatistics) {
        let now = ContinuousClock.now
        if firstToken == nil { statistics.timeToFirstToken = now - submitted }
        let first = firstToken ?? now
        firstToken = first
        statistics.timeAfterFirstToken = now - first
    }
}
