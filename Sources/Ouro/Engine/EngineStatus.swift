/// What an engine is at, and what it has done since it was made.
public struct EngineStatus: Sendable, Equatable {
    public internal(set) var runningRequests = 0
    /// Requests that wait for room in the cache.
    public internal(set) var waitingRequests = 0
    /// Requests that have ended, cancelled and failed ones among them.
    public internal(set) var finishedRequests = 0
    public internal(set) var failedRequests = 0

    /// Bytes that keys and values may take, that those of running requests take, and that those of earlier requests take
    /// until their room is needed.
    public internal(set) var cacheBytes = 0
    public internal(set) var usedCacheBytes = 0
    public internal(set) var sharedCacheBytes = 0
    public internal(set) var evictedPages = 0

    public internal(set) var passes = 0
    /// Rows of all passes, by kind; those of guesses that were wrong are also among the draft rows.
    public internal(set) var prefillRows = 0
    public internal(set) var decodeRows = 0
    public internal(set) var draftRows = 0
    public internal(set) var fillerRows = 0
    public internal(set) var droppedRows = 0
    /// Times that a running request made way for others.
    public internal(set) var preemptions = 0
    /// Tokens of prompts whose keys and values were there already.
    public internal(set) var cachedPromptTokens = 0
    /// After each loop, how many guesses were made, and how many were the token in the end.
    public internal(set) var guesses: [Int] = []
    public internal(set) var rightGuesses: [Int] = []

    mutating func add(_ request: GenerationStatistics?) {
        guard let request else { return }
        prefillRows += request.prefillRows
        decodeRows += request.decodeRows
        draftRows += request.draftRows
        fillerRows += request.fillerRows
        droppedRows += request.droppedRows
        cachedPromptTokens += request.cachedPromptTokens
        Self.add(request.guesses, to: &guesses)
        Self.add(request.rightGuesses, to: &rightGuesses)
    }

    private static func add(_ counts: [Int], to sums: inout [Int]) {
        if sums.count < counts.count { sums += Array(repeating: 0, count: counts.count - sums.count) }
        for (index, count) in counts.enumerated() { sums[index] += count }
    }
}
