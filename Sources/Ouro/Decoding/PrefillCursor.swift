/// How far the known tokens of a sequence have come through the loops. They run chunk by chunk.
///
/// All rows of a chunk run loop r together, then loop r + 1. After the prompt a chunk is a single position if the cache
/// policy does not keep everything (``KVPolicy``).
struct PrefillCursor {
    let tokens: ArraySlice<Int>
    let loops: Int
    let chunkSize: Int
    let prompt: Int
    private(set) var chunk: Range<Int>
    /// The loop that the chunk's rows run next (1-based).
    private(set) var loop = 1
    private var slots: [SlotID] = []

    /// - Parameters:
    ///   - cached: positions at the beginning that have run all loops already.
    ///   - prompt: positions that may run together.
    init(tokens: ArraySlice<Int>, cached: Int = 0, loops: Int, chunkSize: Int, prompt: Int = .max) {
        self.tokens = tokens
        self.prompt = prompt
        self.loops = loops
        self.chunkSize = chunkSize
        chunk = cached..<cached
    }

    var isDone: Bool { chunk.upperBound == tokens.count && slots.isEmpty }
    /// Whether a chunk is on its way through the loops.
    var isUnderWay: Bool { !slots.isEmpty }
    /// Whether no chunk is left to begin.
    var hasBegunLastChunk: Bool { chunk.upperBound == tokens.count }
    /// Whether the chunk is a position after the prompt.
    var isAfterPrompt: Bool { chunk.lowerBound >= prompt }
    /// Positions that have run all loops.
    var completed: Int { isUnderWay ? chunk.lowerBound : chunk.upperBound }
    /// Positions that need room before the cursor can continue.
    var requiredPositions: Int { isUnderWay || isDone ? chunk.upperBound : chunk.upperBound + 1 }

    /// The positions of the next chunk; empty if one is under way or all have run.
    var nextChunk: Range<Int> {
        let start = chunk.upperBound
        guard !isUnderWay, start < tokens.count else { return start..<start }
        let size = start < prompt ? min(chunkSize, prompt - start) : 1
        return start..<min(start + size, tokens.count)
    }

    /// Begins the next chunk, which ends before position `end`.
    mutating func begin(end: Int, slots allocator: SlotAllocator) {
        assert(slots.isEmpty)
        chunk = chunk.upperBound..<max(chunk.upperBound, end)
        slots = chunk.map { _ in allocator.take() }
        loop = 1
    }

    /// The chunk's rows at its loop.
    func rows(table: TableID) -> [Row] {
        zip(chunk, slots).map { position, slot in
            Row(table: table, position: position, loop: loop, token: tokens[tokens.startIndex + position], slot: slot)
        }
    }

    /// The slots of the chunk's rows.
    var chunkSlots: [SlotID] { slots }

    /// Goes on to the next loop. Ends the chunk after the last loop, or if it `leaves`.
    mutating func endPass(slots allocator: SlotAllocator, leaves: Bool = false) {
        loop += 1
        if loop > loops || leaves { release(allocator) }
    }

    mutating func release(_ allocator: SlotAllocator) {
        for slot in slots { allocator.giveBack(slot) }
        slots = []
    }
}
