import Foundation

/// A model on the caller's own thread, for work that is not a request: calibration and comparison.
struct OfflineModel {
    let configuration: ModelConfiguration
    let checkpoint: Checkpoint
    let weights: ModelWeights
    let kernels: Kernels
    let pool: WorkerPool

    /// - Throws: ``OuroError`` naming file and field of the first thing that is wrong with the folder.
    init(folder: URL, kernels: Kernels, pool: WorkerPool) throws(OuroError) {
        configuration = try ModelConfiguration(contentsOf: folder.appendingPathComponent("config.json"))
        checkpoint = try Checkpoint(folder: folder)
        weights = try ModelWeights(checkpoint, configuration: configuration, kernels: kernels, pool: pool)
        self.kernels = kernels
        self.pool = pool
    }

    /// - Parameters:
    ///   - windowLength: tokens that a window has at most.
    func runner(kvType: KVType? = nil, kvPolicy: KVPolicy = .full, windowLength: Int) -> WindowRunner {
        let model = LoopedTransformer(
            configuration: configuration, weights: weights, kernels: kernels, pool: pool,
            kvType: kvType ?? .default(for: configuration))
        return WindowRunner(model: model, policy: kvPolicy, windowLength: windowLength)
    }

    /// The kernels that the environment asks for, else the best of this machine.
    static func defaultKernels() throws(OuroError) -> Kernels {
        try Kernels.select(ProcessInfo.processInfo.environment["OURO_ISA"])
    }
}

/// Takes short texts through a model, all positions of a text at one loop in one pass.
final class WindowRunner {
    let model: LoopedTransformer
    private let pool: KVPool
    private let policy: KVPolicy
    private let windowLength: Int

    var loops: Int { model.configuration.totalUTSteps }

    /// - Parameters:
    ///   - policy: applies after the prompt of a window.
    init(model: LoopedTransformer, policy: KVPolicy = .full, windowLength: Int) {
        self.policy = policy
        self.model = model
        self.windowLength = windowLength
        let blocks = policy.blocks(
            prompt: windowLength, positions: windowLength, loops: model.configuration.totalUTSteps,
            layout: model.layout)
        pool = KVPool(layout: model.layout, budget: blocks * model.layout.bytesPerBlock)
    }

    /// Runs all loops over a text; `afterLoop` gets the slots of its rows' hidden states.
    ///
    /// - Throws: what `afterLoop` throws; ``OuroError`` with code `nonFinite` if the model's values overflow.
    func run(
        _ tokens: [Int], afterLoop: (_ loop: Int, _ slots: [Int]) throws(OuroError) -> Void = { _, _ in }
    ) throws(OuroError) {
        let window = try begin(tokens)
        for loop in 1...loops {
            try runLoop(loop, of: window)
            try afterLoop(loop, window.slots)
        }
    }

    /// A text on its way through the loops; gives its rows' states back when it goes.
    final class Window {
        let tokens: [Int]
        let slots: [Int]
        fileprivate let cache: SequenceCache
        private let states: RowStates
        /// The hidden states of all positions after every loop, position by position, if they could not wait.
        fileprivate let history: FloatRows?

        fileprivate init(tokens: [Int], cache: SequenceCache, states: RowStates, history: FloatRows?) {
            self.history = history
            self.tokens = tokens
            self.cache = cache
            self.states = states
            slots = tokens.map { _ in states.take() }
        }

        deinit { for slot in slots { states.giveBack(slot) } }
    }

    /// Only one window at a time.
    ///
    /// - Parameters:
    ///   - prompt: tokens after which the policy applies; without meaning for ``KVPolicy/full``.
    func begin(_ tokens: [Int], prompt: Int = 0) throws(OuroError) -> Window {
        guard tokens.count <= windowLength else { throw tooLong(tokens) }
        let cache = SequenceCache(
            pool: pool, maximumPositions: tokens.count, loops: loops, policy: policy, prompt: prompt)
        let isShort = policy != .full
        let history =
            isShort ? FloatRows(rows: tokens.count * loops, columns: model.configuration.hiddenSize) : nil
        let window = Window(tokens: tokens, cache: cache, states: model.states, history: history)
        var end = 0
        while isShort, end < tokens.count {
            let start = end
            end = start < prompt ? prompt : start + 1
            guard cache.reserve(upTo: end) == end else { throw tooLong(tokens) }
            for loop in 1...loops { try run(loop, of: window, start..<end) }
            cache.complete(end, loops: loops)
        }
        guard isShort || cache.reserve(upTo: tokens.count) == tokens.count else { throw tooLong(tokens) }
        return window
    }

    private func tooLong(_ tokens: [Int]) -> OuroError {
        OuroError(.memoryExceeded, "a window of \(tokens.count) tokens is longer than the \(windowLength) reserved")
    }

    /// Runs one loop (from 1, in order), or recalls it.
    func runLoop(_ loop: Int, of window: Window) throws(OuroError) {
        guard let history = window.history else { return try run(loop, of: window, window.tokens.indices) }
        for (position, slot) in window.slots.enumerated() {
            model.states.row(slot).update(
                from: history.row(position * loops + loop - 1), count: model.configuration.hiddenSize)
        }
    }

    private func run(_ loop: Int, of window: Window, _ positions: Range<Int>) throws(OuroError) {
        var pass = Pass(
            rows: positions.map {
                Row(cache: window.cache, position: $0, loop: loop, token: window.tokens[$0], slot: window.slots[$0])
            })
        model.run(&pass)
        if let history = window.history {
            for position in positions {
                history.row(position * loops + loop - 1).update(
                    from: model.states.row(window.slots[position]), count: model.configuration.hiddenSize)
            }
        }
        if let index = pass.outcomes.firstIndex(where: { !$0.gateLogit.isFinite }) {
            throw OuroError(
                .nonFinite, field: "position \(positions.lowerBound + index), loop \(loop)",
                "the model produced a value that is not a finite number; its weights are damaged or overflow")
        }
    }
}

/// Pieces of a long text, each read by itself.
enum TextWindows {
    /// At most `limit` tokens in pieces of at most `length`, spread evenly over the text.
    static func split(_ tokens: [Int], length: Int, limit: Int) -> [[Int]] {
        let count = min(tokens.count, limit)
        guard count > 0, length > 0 else { return [] }
        if tokens.count <= limit {
            return stride(from: 0, to: tokens.count, by: length).map {
                Array(tokens[$0..<min($0 + length, tokens.count)])
            }
        }
        let size = min(length, count)
        let pieces = count / size
        return (0..<pieces).map { piece in
            let start = pieces == 1 ? 0 : (tokens.count - size) / (pieces - 1) * piece
            return Array(tokens[start..<start + size])
        }
    }
}
