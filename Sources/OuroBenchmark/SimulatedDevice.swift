import Ouro

/// A device with real passes and scripted predictions. It measures the cost of a schedule at a given agreement of the
/// loops.
///
/// Every product, key and value is computed as usual. Then gate and token are replaced. The row at position p predicts
/// the next token of a fixed text if its loop is at least the loop at which p settles; at earlier loops it predicts a
/// wrong token. It exits at the scripted exit loop of p. Settling and exit loops are spread evenly over positions, so
/// that short runs have the requested shares too.
final class SimulatedDevice: PassDevice {
    private let base: CPUDevice
    private let settled: [Double]
    /// The lower one of the two loops next to the mean exit, and the share of positions that exit there.
    private let exitLoop: Int
    private let exitShare: Double
    private var places: [SlotID: (position: Int, loop: Int)] = [:]

    /// Makes a simulated device.
    ///
    /// - Parameters:
    ///   - base: runs the passes.
    ///   - table: the share of settled positions after each loop.
    ///   - meanExit: the mean exit loop, from 1 to the number of loops. By default no position exits early.
    init(_ base: CPUDevice, table: SimulationTable, meanExit: Double? = nil) {
        self.base = base
        settled = table.settled
        let mean = meanExit ?? Double(table.loops)
        exitLoop = Int(mean)
        exitShare = 1 - (mean - mean.rounded(.down))
    }

    /// The exit policy for which the gate is scripted.
    static let exit = ExitPolicy.threshold(0.5)

    var name: String { "simulated:" + base.name }
    var layout: KVLayout { base.layout }
    var policies: Set<KVPolicy> { base.policies }

    func makeBlock(_ kind: BlockKind) -> BlockID { base.makeBlock(kind) }
    func free(_ block: BlockID) { base.free(block) }
    func makeTable(pages: Int, loops: Int, policy: KVPolicy) -> TableID {
        base.makeTable(pages: pages, loops: loops, policy: policy)
    }
    func free(_ table: TableID) { base.free(table) }
    func set(_ table: TableID, page: Int, loop: Int, to block: BlockID?) {
        base.set(table, page: page, loop: loop, to: block)
    }
    func set(_ table: TableID, mode: TableMode) { base.set(table, mode: mode) }
    func reserveSlots(_ count: Int) { base.reserveSlots(count) }
    func collapse(_ collapse: Collapse) { base.collapse(collapse) }
    func storeMean(of table: TableID, position: Int, loops: Int) {
        base.storeMean(of: table, position: position, loops: loops)
    }
    func seconds(rows: Int) -> Double { base.seconds(rows: rows) }

    func run(_ rows: [Row], outcomes: inout [RowOutcome]) {
        base.run(rows, outcomes: &outcomes)
        for (index, row) in rows.enumerated() {
            let position = Int(row.position)
            places[row.slot] = (position, Int(row.loop))
            outcomes[index].gateLogit = Int(row.loop) >= exit(of: position) ? 30 : -30
        }
    }

    func readOut(_ readouts: [Readout], results: inout [ReadoutResult]) {
        base.readOut(readouts, results: &results)
        for (index, readout) in readouts.enumerated() {
            guard let (position, loop) = places[readout.slot] else { continue }
            let right = token(after: position)
            let isSettled = Self.spread(position, by: 0.618_033_988_749_895) < settled[min(loop, settled.count) - 1]
            results[index].logProbability = 0
            results[index].token = isSettled ? right : (right + loop) % base.configuration.vocabularySize
        }
    }

    /// The exit loop of a position.
    func exit(of position: Int) -> Int {
        exitLoop + (Self.spread(position, by: 0.414_213_562_373_095) < exitShare ? 0 : 1)
    }

    /// The next token of the fixed text.
    func token(after position: Int) -> Int { (position * 7 + 3) % base.configuration.vocabularySize }

    /// A multiple of an irrational number, modulo 1. Consecutive positions are spread evenly over 0 to 1.
    private static func spread(_ position: Int, by step: Double) -> Double {
        (Double(position) * step).truncatingRemainder(dividingBy: 1)
    }
}
