import Foundation
import Ouro

extension LoadedModel {
    /// - Parameters:
    ///   - windowLength: tokens that a window has at most.
    func runner(kvType: KVType? = nil, kvPolicy: KVPolicy = .full, windowLength: Int) -> WindowRunner {
        WindowRunner(device: makeDevice(kvType: kvType), policy: kvPolicy, windowLength: windowLength)
    }
}

/// Takes short texts through a model, all positions of a text at one loop in one pass.
final class WindowRunner {
    let device: CPUDevice
    private let pool: KVPool
    private let slots = SlotAllocator()
    private var outcomes: [RowOutcome] = []
    private let policy: KVPolicy
    private let windowLength: Int

    var loops: Int { device.configuration.loops }

    /// - Parameters:
    ///   - policy: applies after the prompt of a window.
    init(device: CPUDevice, policy: KVPolicy = .full, windowLength: Int) {
        self.policy = policy
        self.device = device
        self.windowLength = windowLength
        let blocks = policy.blocks(
            prompt: windowLength, positions: windowLength, loops: device.configuration.loops,
            layout: device.layout)
        pool = KVPool(device: device, budget: blocks * device.layout.bytesPerBlock)
    }

    /// Runs all loops over a text; `afterLoop` gets the slots of its rows' hidden states.
    ///
    /// - Throws: what `afterLoop` throws; ``OuroError`` with code `nonFinite` if the model's values overflow.
    func run(
        _ tokens: [Int], afterLoop: (_ loop: Int, _ slots: [SlotID]) throws(OuroError) -> Void = { _, _ in }
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
        let slots: [SlotID]
        fileprivate let cache: SequenceCache
        private let allocator: SlotAllocator
        /// The hidden states of all positions after every loop, position by position, if they could not wait.
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
        OuroError(.memoryExceeded, "a window of \(tokens.count) tokens is longer than the \(windowLength) reserved")
    }

    /// Runs one loop (from 1, in order), or recalls it.
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
