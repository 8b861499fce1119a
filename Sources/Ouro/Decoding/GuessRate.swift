/// How often the prediction after each loop has been the final one lately, so that those that never are cost nothing: a row
/// that is read out takes the whole head.
struct GuessRate {
    private var rates: [Float]

    private static let memory: Float = 16
    private static let least: Float = 1 / 8
    /// So often a prediction is read whatever it was worth before, since texts change.
    private static let trials = 8

    /// Every loop is trusted at first.
    init(loops: Int) { rates = Array(repeating: 1, count: loops) }

    mutating func record(loop: Int, isRight: Bool) {
        rates[loop - 1] += ((isRight ? 1 : 0) - rates[loop - 1]) / Self.memory
    }

    func isWorthReading(loop: Int, position: Int) -> Bool {
        rates[loop - 1] > Self.least || position % Self.trials == 0
    }
}
