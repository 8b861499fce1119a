/// The progress of a sequence's known tokens through the loops. They run in chunks.
///
/// All rows of a chunk run loop r together, then loop r + 1. After the prompt, a chunk is a single position unless the
/// cache policy is `full` (``KVPolicy``).
struct PrefillCursor {
    let tokens: ArraySlice<Int>
    let loops: Int
    let chunkSize: Int
    let prompt: Int
    private(set) var chunk: Range<Int>
    /// The loop that the rows of the chunk run next (1-based).
    private(set) var loop = 1
    private var slots: [SlotID] = []

    /// Makes a cursor at the first position that is not cached.
    ///
    /// - Parameters:
    ///   - tokens: the known tokens.
    ///   - cached: positions, from the first on, that have run all loops already.
    ///   - loops: the number of loops.
    ///   - chunkSize: most positions of a chunk.
    ///   - prompt: positions, from the first on, that may share a chunk.
    init(tokens: ArraySlice<Int>, cached: Int = 0, loops: Int, chunkSize: Int, prompt: Int = .max) {
        self.tokens = tokens
        self.prompt = prompt
        self.loops = loops
        self.chunkSize = chunkSize
        chunk = cached..<cached
    }

    /// Whether all positions have run all loops.
    var isDone: Bool { chunk.upperBound == tokens.count && slots.isEmpty }
    /// Whether a chunk is in progress.
    var isUnderWay: Bool { !slots.isEmpty }
    /// Whether the last chunk has begun.
    var hasBegunLastChunk: Bool { chunk.upperBound == tokens.count }
    /// Whether the chunk is a single position after the prompt.
    var isAfterPrompt: Bool { chunk.lowerBound >= prompt }
    /// Positions, from the first on, that have run all loops.
    var completed: Int { isUnderWay ? chunk.lowerBound : chunk.upperBound }
    /// Positions that need room before the cursor can continue.
    var requiredPositions: Int { isUnderWay || isDone ? chunk.upperBound : chunk.upperBound + 1 }

    /// The positions of the next chunk. Empty if a chunk is in progress or none is left.
    var nextChunk: Range<Int> {
        let start = chunk.upperBound
        guard !isUnderWay, start < tokens.count else { return start..<start }
        let size = start < prompt ? min(chunkSize, prompt - start) : 1
        return start..<min(start + size, tokens.count)
    }

    /// Begins the next chunk. Its last position is `end - 1`.
    mutating func begin(end: Int, slots allocator: SlotAllocator) {
        assert(slots.isEmpty)
        chunk = chunk.upperBound..<max(chunk.upperBound, end)
        slots = chunk.map { _ in allocator.take() }
        loop = 1
    }

    /// The rows of the chunk at its current loop.
    func rows(table: TableID) -> [Row] {
        zip(chunk, slots).map { position, slot in
            Row(table: table, position: position, loop: loop, token: tokens[tokens.startIndex + position], slot: slot)
        }
    }

    /// The slots of the chunk's rows.
    var chunkSlots: [SlotID] { slots }

    /// Moves on to the next loop. Ends the chunk after the last loop, or earlier if it `leaves`.
    mutating func endPass(slots allocator: SlotAllocator, leaves: Bool = false) {
        loop += 1
        if loop > loops || leaves { release(allocator) }
    }

    /// Gives the slots of the chunk back.
    mutating func release(_ allocator: SlotAllocator) {
        for slot in slots { allocator.giveBack(slot) }
        slots = []
    }
}
