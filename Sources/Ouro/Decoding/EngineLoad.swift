/// The state of an engine at the end of a pass, and its counters since it was loaded.
public struct EngineLoad: Sendable, Equatable {
    /// Requests that take part in passes.
    public var liveRequests = 0
    /// Requests that wait for room in the cache.
    public var waitingRequests = 0
    /// Pages of live requests. A page holds 16 positions at all loops of a request.
    public var pagesInUse = 0
    /// Pages that are cached for later requests.
    public var pagesCached = 0
    /// Bytes of ``pagesInUse``.
    public var cacheBytesInUse = 0
    /// Bytes of ``pagesCached``.
    public var cacheBytesCached = 0
    /// The budget of the cache in bytes. The bytes in use and the cached bytes together never exceed it.
    public let cacheBytes: Int
    /// Prompt tokens that were looked up in the prefix cache.
    public var prefixQueries = 0
    /// Prompt tokens that were found in the prefix cache.
    public var prefixHits = 0
    /// How often a request lost its memory to an older one.
    public var preemptions = 0
    /// Passes that have run.
    public var passes = 0
    /// Rows that have run, by kind.
    public var rows = RowCounts()

    init(cacheBytes: Int) { self.cacheBytes = cacheBytes }
}
