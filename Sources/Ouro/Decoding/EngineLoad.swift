/// What an engine is doing, and what it has done since it was loaded: a copy as of the end of a pass.
public struct EngineLoad: Sendable, Equatable {
    /// Requests that take part in passes, and requests that wait for room in the cache.
    public var liveRequests = 0
    public var waitingRequests = 0
    /// Pages (16 positions at all loops of a request) that live requests have, and pages kept for requests to come.
    public var pagesInUse = 0
    public var pagesCached = 0
    /// The same in bytes, and the budget: what is in use and cached together never exceeds it.
    public var cacheBytesInUse = 0
    public var cacheBytesCached = 0
    public let cacheBytes: Int
    /// Tokens of prompts that were looked for in the cache, and those of them that were found.
    public var prefixQueries = 0
    public var prefixHits = 0
    /// How often a request had to make way for an older one.
    public var preemptions = 0
    public var passes = 0
    public var rows = RowCounts()

    init(cacheBytes: Int) { self.cacheBytes = cacheBytes }
}
