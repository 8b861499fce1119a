import OuroKernels

/// The CPU as a device: weights in packed panels, one set of C kernels, and a pool of threads.
///
/// The engine uses only `PassDevice`. Quantisation, comparison and measurement need the CPU and also use the members
/// below `// MARK: beyond the seam`.
package final class CPUDevice: PassDevice {
    /// The forward pass.
    package let transformer: LoopedTransformer
    private let memory: CPUMemory
    private let collapser: KVCollapse
    // The rows of the current pass. The array keeps its memory between passes.
    private var rows: [CPURow] = []
    private let reader: LogitReader

    /// Makes a device with a cache of its own.
    ///
    /// - Parameters:
    ///   - configuration: the configuration of the model.
    ///   - weights: the packed weights.
    ///   - kernels: the kernels to use.
    ///   - pool: the threads to use.
    ///   - kvType: the type of stored keys and values.
    ///   - firstPosition: RoPE's position of the first token of a sequence.
    package init(
        configuration: ModelConfiguration, weights: ModelWeights, kernels: Kernels, pool: WorkerPool,
        kvType: KVType = .f32, firstPosition: Int = 0
    ) {
        let layout = KVLayout(configuration, type: kvType)
        transformer = LoopedTransformer(
            configuration: configuration, weights: weights, layout: layout, kernels: kernels, pool: pool,
            firstPosition: firstPosition)
        memory = CPUMemory(layout: layout, hiddenSize: configuration.hiddenSize)
        collapser = KVCollapse(layout: layout)
        reader = LogitReader(
            kernels: kernels, threads: pool.threadCount, vocabularySize: configuration.vocabularySize)
    }

    package var name: String { Self.name(of: transformer.kernels) }
    static func name(of kernels: Kernels) -> String { "cpu:" + kernels.name }
    package var layout: KVLayout { memory.layout }
    package var policies: Set<KVPolicy> { Set(KVPolicy.allCases) }

    // MARK: memory

    package func makeBlock(_ kind: BlockKind) -> BlockID { memory.makeBlock(kind) }
    package func free(_ block: BlockID) { memory.free(block) }

    package func makeTable(pages: Int, loops: Int, policy: KVPolicy) -> TableID {
        memory.makeTable(pages: pages, loops: loops, policy: policy)
    }

    package func free(_ table: TableID) { memory.free(table) }

    package func set(_ table: TableID, page: Int, loop: Int, to block: BlockID?) {
        memory.set(table, page: page, loop: loop, to: block)
    }

    package func set(_ table: TableID, mode: TableMode) { memory.set(table, mode: mode) }
    package func reserveSlots(_ count: Int) { memory.reserveSlots(count) }

    package func collapse(_ collapse: Collapse) {
        collapser.collapse(
            collapse.blocks.map(memory.block), positions: collapse.positions, to: memory.block(collapse.target),
            collapse.policy)
    }

    package func storeMean(of table: TableID, position: Int, loops: Int) {
        guard let (sums, block) = memory.mean(of: table, position: position) else { return }
        collapser.store(sums, scale: 1 / Float(loops), position: position, to: block)
    }

    // MARK: work

    package func run(_ rows: [Row], outcomes: inout [RowOutcome]) {
        self.rows.removeAll(keepingCapacity: true)
        for row in rows { self.rows.append(memory.resolve(row)) }
        transformer.run(self.rows, outcomes: &outcomes)
    }

    package func readOut(_ readouts: [Readout], results: inout [ReadoutResult]) {
        results.removeAll(keepingCapacity: true)
        for start in stride(from: 0, to: readouts.count, by: LoopedTransformer.readoutBatch) {
            let batch = readouts[start..<min(start + LoopedTransformer.readoutBatch, readouts.count)]
            let logits = transformer.logits(of: batch.map { memory.state($0.slot) })
            reader.read(logits, batch, pool: transformer.pool, results: &results)
        }
    }

    package func seconds(rows: Int) -> Double {
        var (fastest, total, layer) = (Double.infinity, 0.0, 0)
        while layer < Self.measuredLayers || total < Self.measuredSeconds {
            let start = ContinuousClock.now
            transformer.multiplyLayer(layer, rows: rows)
            let seconds = (ContinuousClock.now - start) / .seconds(1)
            fastest = min(fastest, seconds)
            total += seconds
            layer += 1
        }
        return fastest
    }

    /// A measurement covers at least this many layers and at least this much time (in seconds). The fastest layer
    /// counts, because other processes can delay a thread for a long time.
    private static let measuredLayers = 3
    private static let measuredSeconds = 0.002

    // MARK: beyond the seam

    package var configuration: ModelConfiguration { transformer.configuration }

    /// The hidden state of a slot: `hiddenSize` values.
    package func hiddenState(_ slot: SlotID) -> UnsafeMutablePointer<Float> { memory.state(slot) }

    /// The logits of at most `LoopedTransformer.readoutBatch` slots, one row each. The next call overwrites them.
    package func logits(of slots: some Sequence<SlotID>) -> FloatRows {
        transformer.logits(of: slots.map(memory.state))
    }
}
