import Foundation
import Ouro

extension LoadedModel {
    /// Makes a runner for this model.
    ///
    /// - Parameters:
    ///   - kvType: element type of keys and values; nil for the engine's default.
    ///   - kvPolicy: which keys and values are kept.
    ///   - windowLength: the largest number of tokens of a window.
    func runner(kvType: KVType? = nil, kvPolicy: KVPolicy = .full, windowLength: Int) -> WindowRunner {
        WindowRunner(device: makeDevice(kvType: kvType), policy: kvPolicy, windowLength: windowLength)
    }
}

/// Runs short texts through a model, one loop at a time. A pass runs all positions of a text at one loop.
final class WindowRunner {
    let device: CPUDevice
    private let pool: KVPool
    private let slots = SlotAllocator()
    private var outcomes: [RowOutcome] = []
    private let policy: KVPolicy
    private let windowLength: Int

    var loops: Int { device.configuration.loops }

    /// Makes a runner.
    ///
    /// - Parameters:
    ///   - device: runs the passes.
    ///   - policy: which keys and values are kept after the prompt of a window.
    ///   - windowLength: the largest number of tokens of a window.
    init(device: CPUDevice, policy: KVPolicy = .full, windowLength: Int) {
        self.policy = policy
        self.device = device
        self.windowLength = windowLength
        let blocks = policy.blocks(
            prompt: windowLength, positions: windowLength, loops: device.configuration.loops,
            layout: device.layout)
        pool = KVPool(device: device, budget: blocks * device.layout.bytesPerBlock)
    }

    /// Runs all loops over a text.
    ///
    /// - Parameters:
    ///   - tokens: the text.
    ///   - afterLoop: called after each loop, with the slots of the hidden states.
    /// - Throws: `OuroError` with code `nonFinite` if a value of the model is not finite, or the error of `afterLoop`.
    func run(
        _ tokens: [Int], afterLoop: (_ loop: Int, _ slots: [SlotID]) throws(OuroError) -> Void = { _, _ in }
    ) throws(OuroError) {
        let window = try begin(tokens)
        for loop in 1...loops {
            try runLoop(loop, of: window)
            try afterLoop(loop, window.slots)
        }
    }

    /// A text that is being run. It gives its slots back when it is released.
    final class Window {
        let tokens: [Int]
        let slots: [SlotID]
        fileprivate let cache: SequenceCache
        private let allocator: SlotAllocator
        /// The hidden states after every loop, [position][loop], if positions run one after another; otherwise nil.
        fileprivate let history: FloatRows?

        fileprivate init(tokens: [Int], cache: SequenceCache, slots allocator: SlotAllocator, history: FloatRows?) {
            self.history = history
            self.tokens = tokens
            self.cache = cache
            self.allocator = allocator
            slots = tokens.map { _ in allocator.take() }
        }

        deinit { for slot in slots { allocator.giveBack(slot) } }
    }

    /// Starts a window. Only one window can exist at a time.
    ///
    /// - Parameters:
    ///   - tokens: the text.
    ///   - prompt: tokens of the prompt. The policy applies after them. The policy `full` ignores it.
    func begin(_ tokens: [Int], prompt: Int = 0) throws(OuroError) -> Window {
        guard tokens.count <= windowLength else { throw tooLong(tokens) }
        let cache = SequenceCache(
            pool: pool, maximumPositions: tokens.count, loops: loops, policy: policy, prompt: prompt)
        let isShort = policy != .full
        let history =
            isShort ? FloatRows(rows: tokens.count * loops, columns: device.configuration.hiddenSize) : nil
        let window = Window(tokens: tokens, cache: cache, slots: slots, history: history)
        device.reserveSlots(slots.count)
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
        OuroError(.memoryExceeded, "expected a window of at most \(windowLength) tokens, found \(tokens.count)")
    }

    /// Runs one loop, or restores its hidden states if it has already run. Loops must be run in order, from 1.
    func runLoop(_ loop: Int, of window: Window) throws(OuroError) {
        guard let history = window.history else { return try run(loop, of: window, window.tokens.indices) }
        for (position, slot) in window.slots.enumerated() {
            device.hiddenState(slot).update(
                from: history.row(position * loops + loop - 1), count: device.configuration.hiddenSize)
        }
    }

    private func run(_ loop: Int, of window: Window, _ positions: Range<Int>) throws(OuroError) {
        let rows = positions.map {
            Row(
                table: window.cache.table, position: $0, loop: loop, token: window.tokens[$0], slot: window.slots[$0])
        }
        device.run(rows, outcomes: &outcomes)
        if let history = window.history {
            for position in positions {
                history.row(position * loops + loop - 1).update(
                    from: device.hiddenState(window.slots[position]), count: device.configuration.hiddenSize)
            }
        }
        if let index = outcomes.firstIndex(where: { !$0.gateLogit.isFinite }) {
            throw .notFinite(position: positions.lowerBound + index, loop: loop)
        }
    }
}
