import Foundation
import Ouro
import OuroKernels

/// Measures a model relative to the limits of the machine that it runs on.
///
/// Machines are shared and their speed varies. So every repetition first measures its limit, and the median of the
/// ratios is reported.
package enum Benchmark {
    /// The model to measure.
    package enum Subject: Sendable {
        /// Random weights of a shape. No file is needed.
        case random(BenchmarkShape, WeightType)
        /// A model folder with its weights.
        case folder(URL)
    }

    /// Runs a plan on its own thread, and reports every measurement immediately.
    ///
    /// - Parameters:
    ///   - subject: the model to measure.
    ///   - plan: what to measure.
    ///   - progress: called with the current measurement and the fraction of the plan that is done.
    ///   - report: called after every measurement. An error that it throws ends the run.
    /// - Throws: `OuroError` for an invalid plan or folder, before anything is measured.
    package static func run(
        _ subject: Subject, plan: BenchmarkPlan,
        progress: @escaping @Sendable (_ what: String, _ fraction: Double) -> Void = { _, _ in },
        report: @escaping @Sendable (BenchmarkFigure) throws(OuroError) -> Void
    ) async throws {
        try plan.validate()
        let kernels = try Kernels.select(plan.instructionSet)
        try await onThread {
            progress("loading", 0)
            try BenchmarkRun(subject, plan: plan, kernels: kernels, progress: progress, report: report).run()
        }
    }

    /// Runs `body` on its own thread, not on Swift's cooperative pool.
    static func onThread<Value: Sendable>(_ body: @escaping @Sendable () throws -> Value) async throws -> Value {
        try await withCheckedThrowingContinuation { (continuation: CheckedContinuation<Value, any Error>) in
            let thread = Thread { continuation.resume(with: Result { try body() }) }
            thread.name = "ouro-bench"
            thread.stackSize = Kernels.stackSize
            thread.start()
        }
    }
}

/// The measurements of one model.
private final class BenchmarkRun {
    private let plan: BenchmarkPlan
    private let progress: (_ what: String, _ fraction: Double) -> Void
    private let report: (BenchmarkFigure) throws(OuroError) -> Void
    /// The current measurement: its name, its index, and the number of measurements.
    private var step = (name: "", index: 0, count: 1)
    private let kernels: Kernels
    private let pool: WorkerPool
    private let limits: MachineLimits
    private let subject: BenchmarkModel
    private let device: CPUDevice
    private let slots = SlotAllocator()
    private var outcomes: [RowOutcome] = []
    private let readAreas: [MemoryArea]
    private let reading: MachineLimits.Reading
    private let spare: AlignedMemory?

    private var weights: ModelWeights { subject.weights }
    private var configuration: ModelConfiguration { subject.configuration }

    init(
        _ subject: Benchmark.Subject, plan: BenchmarkPlan, kernels: Kernels,
        progress: @escaping (_ what: String, _ fraction: Double) -> Void,
        report: @escaping (BenchmarkFigure) throws(OuroError) -> Void
    ) throws(OuroError) {
        self.plan = plan
        self.progress = progress
        self.report = report
        self.kernels = kernels
        let loaded = try BenchmarkModel(
            subject, threads: plan.threads, kvType: plan.kvType, kernels: kernels, clock: plan.clock)
        (self.subject, pool, device) = (loaded, loaded.pool, loaded.device)
        limits = MachineLimits(kernels: kernels, pool: pool, clock: plan.clock)
        // The bandwidth must be that of memory. If the weights would fit into the caches, a larger area is read.
        let matrices = loaded.weights.blockMatrices
        if matrices.reduce(0, { $0 + $1.byteCount }) >= 256 << 20 {
            spare = nil
            readAreas = matrices.compactMap { matrix in
                matrix.descriptor.panels.map { (UnsafeRawPointer($0), matrix.byteCount) }
            }
        } else {
            let memory = AlignedMemory(byteCount: 256 << 20)
            spare = memory
            readAreas = [(UnsafeRawPointer(memory.base), memory.byteCount)]
        }
        reading = limits.fastestReading(of: readAreas)
    }

    func run() throws(OuroError) {
        try checkMemory()
        let steps = steps()
        for (index, next) in steps.enumerated() {
            step = (next.name, index, steps.count)
            progress(step.name, Double(index) / Double(steps.count))
            try next.measure()
        }
    }

    /// Checks that all measurements fit into memory.
    ///
    /// - Throws: `OuroError` with code `memoryExceeded` for the first that does not.
    private func checkMemory() throws(OuroError) {
        let available = Machine.current.availableMemory / 10 * 9
        func check(_ field: String, _ value: Int, sequences: Int, positions: Int, rows: Int) throws(OuroError) {
            let needed =
                sequences * keyValueBytes(positions) * configuration.loops
                + Workspace.byteCount(rows: Workspace.rowsMade(for: rows), configuration: configuration)
            guard needed > available else { return }
            throw OuroError(
                .memoryExceeded, field: field,
                "\(value) need \(needed >> 20) MiB of keys, values and work space; about \(available >> 20) MiB are "
                    + "available")
        }
        if plan.kinds.contains(.pass) {
            for rows in plan.rows { try check("rows", rows, sequences: rows, positions: 1, rows: rows) }
        }
        if plan.kinds.contains(.prefill) {
            for chunk in plan.chunks { try check("chunk", chunk, sequences: 1, positions: chunk, rows: chunk) }
        }
        if plan.kinds.contains(.decode) || plan.kinds.contains(.prefill) {
            for context in plan.contexts { try check("context", context, sequences: 1, positions: context, rows: 1) }
        }
    }

    /// One measurement of the plan.
    private struct Step {
        let name: String
        let measure: () throws(OuroError) -> Void

        init(_ name: String, _ measure: @escaping () throws(OuroError) -> Void) {
            self.name = name
            self.measure = measure
        }
    }

    private func steps() -> [Step] {
        var steps: [Step] = []
        if plan.kinds.contains(.load) { steps.append(Step("load", measureLoad)) }
        if plan.kinds.contains(.machine) { steps.append(Step("machine", measureMachine)) }
        if plan.kinds.contains(.pass) {
            for rows in plan.rows {
                steps.append(
                    Step("pass, rows \(rows)") { () throws(OuroError) in try self.measurePass(rows: rows) })
            }
        }
        if plan.kinds.contains(.decode) {
            for context in [1] + plan.contexts {
                steps.append(
                    Step("decode, context \(context)") { () throws(OuroError) in
                        try self.measureDecode(context: context)
                    })
            }
        }
        if plan.kinds.contains(.prefill) {
            let longest = plan.chunks.max() ?? 512
            let longer = plan.contexts.filter { $0 > longest }.map { (longest, $0) }
            for (chunk, context) in plan.chunks.map({ ($0, $0) }) + longer {
                steps.append(
                    Step("prefill, chunk \(chunk), context \(context)") { () throws(OuroError) in
                        try self.measurePrefill(chunk: chunk, context: context)
                    })
            }
        }
        return steps
    }

    // MARK: measurements

    private func measureMachine() throws(OuroError) {
        for threads in 1...plan.threads {
            let some = MachineLimits(
                kernels: kernels, pool: threads == plan.threads ? pool : WorkerPool(threadCount: threads),
                clock: plan.clock)
            func add(_ name: String, _ unit: String, _ measure: () -> Double) throws(OuroError) {
                let values = repeated { measure() }
                var result = measurement(name, value: median(values) / 1e9, unit: unit)
                (result.threads, result.weights) = (threads, nil)
                try report(result)
            }
            let reading = threads == plan.threads ? reading : some.fastestReading(of: readAreas)
            try add("bandwidth", "GB/s") { some.bandwidth(readAreas, reading) }
            try add("multiply-add", "GFLOP/s") { some.multiplyAdds() }
            try add("int8-dot", "GOP/s") { some.integerDots() }
        }
    }

    private func measureLoad() throws(OuroError) {
        let rows = try sequences(1, positions: 1)
        let seconds = plan.clock.seconds { decodeToken(rows.states[0], position: 0) }
        try report(measurement("load", value: subject.loadSeconds + seconds, unit: "s"))
        if let bytes = residentMemory() { try report(measurement("memory", value: Double(bytes) / 1e9, unit: "GB")) }
    }

    /// Measures one pass at the first loop. It has `rows` rows, each of its own sequence.
    private func measurePass(rows: Int) throws(OuroError) {
        let set = try sequences(rows, positions: 1)
        let all = set.states.map { Row(table: $0.cache.table, position: 0, loop: 1, token: 1, slot: $0.slot) }
        let single = [all[0]]
        var ratios: [Double] = []
        var leastRatios: [Double] = []
        let bytes = Double(blockBytes), operations = operations(rows: rows)
        func limit() -> Double {
            let (reading, computing) = (readingTime(bytes), computingTime(operations))
            leastRatios.append(max(reading, computing) / max(reading, computing / Double(rows)))
            return max(reading, computing)
        }
        let pairs = paired(limit) {
            let seconds = plan.clock.seconds { device.run(all, outcomes: &outcomes) }
            if rows > 1 {
                _ = limit()  // which leaves the caches as the other pass found them
                ratios.append(seconds / plan.clock.seconds { device.run(single, outcomes: &outcomes) })
            }
            return seconds
        }
        var result = measurement("pass", value: median(pairs.map(\.seconds)) * 1e3, unit: "ms")
        result.rows = rows
        result.limit = median(pairs.map(\.limit)) * 1e3
        result.fraction = median(pairs.map { $0.limit / $0.seconds })
        if rows > 1 {
            result.timesOneRow = median(Array(ratios.dropFirst()))
            result.leastTimesOneRow = median(leastRatios)
        }
        try report(result)
    }

    private func measureDecode(context: Int) throws(OuroError) {
        let set = try sequences(1, positions: context)
        let loops = configuration.loops
        let bytes = Double(blockBytes * loops + weights.head.byteCount + keyValueBytes(context) * loops)
        let pairs = paired({ readingTime(bytes) }) {
            plan.clock.seconds { decodeToken(set.states[0], position: context - 1) }
        }
        var result = measurement("decode", value: 1 / median(pairs.map(\.seconds)), unit: "tokens/s")
        (result.rows, result.context) = (1, context)
        result.limit = 1 / median(pairs.map(\.limit))
        result.fraction = median(pairs.map { $0.limit / $0.seconds })
        try report(result)
    }

    /// Measures a prompt chunk that ends at position `context`.
    private func measurePrefill(chunk: Int, context: Int) throws(OuroError) {
        let set = try sequences(1, positions: context)
        let chunkSlots = takeSlots(chunk)
        defer { for slot in chunkSlots { slots.giveBack(slot) } }
        let sequence = set.states[0]
        let loops = configuration.loops
        let operations = operations(rows: chunk * loops)
        let pairs = paired({ computingTime(operations) }) {
            plan.clock.seconds {
                for loop in 1...loops {
                    let rows = (0..<chunk).map {
                        Row(
                            table: sequence.cache.table, position: context - chunk + $0, loop: loop, token: $0 % 2,
                            slot: chunkSlots[$0])
                    }
                    device.run(rows, outcomes: &outcomes)
                }
                _ = device.logits(of: chunkSlots.suffix(1))
            }
        }
        var result = measurement("prefill", value: Double(chunk) / median(pairs.map(\.seconds)), unit: "tokens/s")
        (result.chunk, result.context) = (chunk, context)
        result.limit = Double(chunk) / median(pairs.map(\.limit))
        result.fraction = median(pairs.map { $0.limit / $0.seconds })
        try report(result)
    }

    private func decodeToken(_ sequence: Sequences.State, position: Int) {
        for loop in 1...configuration.loops {
            let row = Row(table: sequence.cache.table, position: position, loop: loop, token: 1, slot: sequence.slot)
            device.run([row], outcomes: &outcomes)
        }
        _ = device.logits(of: [sequence.slot])
    }

    // MARK: helpers

    /// Sequences with an allocated, uninitialised cache. The contents do not affect the time.
    private final class Sequences {
        struct State {
            let cache: SequenceCache
            let slot: SlotID
        }
        let states: [State]
        private let slots: SlotAllocator

        init(_ states: [State], slots: SlotAllocator) {
            self.states = states
            self.slots = slots
        }

        deinit { for state in states { slots.giveBack(state.slot) } }
    }

    private func takeSlots(_ count: Int) -> [SlotID] {
        let taken = (0..<count).map { _ in slots.take() }
        device.reserveSlots(slots.count)
        return taken
    }

    private func sequences(_ count: Int, positions: Int) throws(OuroError) -> Sequences {
        let loops = configuration.loops
        let bytes = device.layout.blocks(positions: positions, loops: loops) * device.layout.bytesPerBlock * count
        let cachePool = KVPool(device: device, budget: bytes)
        var states: [Sequences.State] = []
        for _ in 0..<count {
            guard let cache = SequenceCache(pool: cachePool, positions: positions, loops: loops) else {
                throw OuroError(.memoryExceeded, "the cache for \(count) sequences does not fit")
            }
            states.append(Sequences.State(cache: cache, slot: takeSlots(1)[0]))
        }
        return Sequences(states, slots: slots)
    }

    private func measurement(_ kind: String, value: Double, unit: String) -> BenchmarkFigure {
        BenchmarkFigure(
            name: kind, shape: subject.name, weights: subject.weightName, threads: plan.threads, value: value,
            unit: unit)
    }

    /// Repeats until the time is over, at least three times.
    private func repeated<Value>(_ body: () -> Value) -> [Value] {
        let start = plan.clock.now()
        var values: [Value] = []
        while true {
            let share = plan.clock.seconds(since: start) / plan.seconds
            if values.count >= 3 && share >= 1 { return values }
            progress(step.name, (Double(step.index) + min(share, 1)) / Double(step.count))
            values.append(body())
        }
    }

    /// The measured seconds, and the seconds at the limit, in alternation.
    private func paired(_ limit: () -> Double, _ measure: () -> Double) -> [(seconds: Double, limit: Double)] {
        _ = measure()  // the first time touches memory
        return repeated {
            let limit = limit()
            return (measure(), limit)
        }
    }

    private func median(_ values: [Double]) -> Double { values.sorted()[values.count / 2] }

    private var blockBytes: Int { weights.blockMatrices.reduce(0) { $0 + $1.byteCount } }

    private func keyValueBytes(_ positions: Int) -> Int {
        device.layout.blocks(positions: positions, loops: 1) * device.layout.bytesPerBlock
    }

    /// Seconds for reading so many bytes at the machine's bandwidth, measured now.
    private func readingTime(_ bytes: Double) -> Double { bytes / limits.bandwidth(readAreas, reading) }

    /// Seconds for so many operations at the peak of the instructions that multiply these weights, measured now.
    private func computingTime(_ operations: Double) -> Double {
        operations / (weights.isQuantised ? limits.integerDots() : limits.multiplyAdds())
    }

    /// Operations of the matrix products of one pass. A multiply-add counts as two.
    private func operations(rows: Int) -> Double { 2 * Double(parameterCount) * Double(rows) }

    private var parameterCount: Int {
        let c = configuration
        let attention = c.headCount * c.headDimension
        let keyValue = c.keyValueHeadCount * c.headDimension
        return c.layerCount
            * (c.hiddenSize * (2 * attention + 2 * keyValue) + 3 * c.hiddenSize * c.intermediateSize)
    }
}

extension MatrixFormat {
    /// The usual name: `f32`, `f16`, `bf16`, `q8` or `q4`.
    var name: String {
        switch self {
        case .values(OURO_F32): "f32"
        case .values(OURO_F16): "f16"
        case .values: "bf16"
        case .groups(let bits, _, _): "q\(bits)"
        }
    }
}

/// Resident memory of this process in bytes; nil if the system does not tell.
func residentMemory() -> Int? {
    guard let text = try? String(contentsOfFile: "/proc/self/statm", encoding: .utf8),
        let pages = text.split(separator: " ").dropFirst().first.flatMap({ Int($0) })
    else { return nil }
    return pages * Int(sysconf(Int32(_SC_PAGESIZE)))
}
