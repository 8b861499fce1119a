/// A model whose passes are real and whose opinions are scripted: for the cost of a schedule at a given agreement of loops.
///
/// Every product, key and value is computed as ever. Then the gate and the largest logit are replaced: the row at position p
/// predicts the token that is next in a made-up text once it has reached the loop at which p settles, and something else at
/// every loop before, as under teacher forcing. It leaves at the loop at which p exits.
///
/// Which position settles and leaves where is spread evenly by the shares asked for, so that short runs have them too.
final class SimulatedModel: PassModel {
    private let base: LoopedTransformer
    private let settled: [Double]
    /// The share of positions that leave at the lower of the two loops beside the mean, and that loop.
    private let exitLoop: Int
    private let exitShare: Double
    private var places: [Int: (position: Int, loop: Int)] = [:]

    /// - Parameters:
    ///   - meanExit: from 1 to the number of loops; by default none leaves early.
    init(_ base: LoopedTransformer, table: SimulationTable, meanExit: Double? = nil) {
        self.base = base
        settled = table.settled
        let mean = meanExit ?? Double(table.loops)
        exitLoop = Int(mean)
        exitShare = 1 - (mean - mean.rounded(.down))
    }

    var layout: KVLayout { base.layout }
    var kernels: Kernels { base.kernels }
    var states: RowStates { base.states }

    /// The exit policy that the scripted gate is made for.
    static let exit = ExitPolicy.threshold(0.5)

    func run(_ pass: inout Pass) {
        base.run(&pass)
        for (index, row) in pass.rows.enumerated() {
            places[row.slot] = (row.position, row.loop)
            pass.outcomes[index].gateLogit = row.loop >= exit(of: row.position) ? 30 : -30
        }
    }

    func logits(slots: ArraySlice<Int>) -> FloatRows {
        let rows = base.logits(slots: slots)
        for (index, slot) in slots.enumerated() {
            guard let (position, loop) = places[slot] else { continue }
            let right = token(after: position)
            let isSettled = Self.spread(position, by: 0.618_033_988_749_895) < settled[min(loop, settled.count) - 1]
            rows.row(index)[isSettled ? right : (right + loop) % rows.columns] = 1e6
        }
        return rows
    }

    /// The loop that the token after `position` leaves at.
    func exit(of position: Int) -> Int {
        exitLoop + (Self.spread(position, by: 0.414_213_562_373_095) < exitShare ? 0 : 1)
    }

    /// The next token of the made-up text.
    func token(after position: Int) -> Int { (position * 7 + 3) % base.configuration.vocabularySize }

    /// Multiples of an irrational number, modulo 1: any few in a row lie evenly from 0 to 1.
    private static func spread(_ position: Int, by step: Double) -> Double {
        (Double(position) * step).truncatingRemainder(dividingBy: 1)
    }
}
