/// Estimates how often the guess after each loop is right, so that useless guesses are not read out. Reading out a row
/// costs a product with the whole head.
struct GuessRate {
    /// The recent share of right guesses after each loop: an exponential moving average.
    private var rates: [Float]

    private static let memory: Float = 16
    private static let least: Float = 1 / 8
    /// At every position that this number divides, all guesses are read out. The rates can then recover when the text
    /// changes.
    private static let trials = 8

    /// All rates begin at 1.
    init(loops: Int) { rates = Array(repeating: 1, count: loops) }

    /// Records whether the guess after a loop (1-based) was right.
    mutating func record(loop: Int, isRight: Bool) {
        rates[loop - 1] += ((isRight ? 1 : 0) - rates[loop - 1]) / Self.memory
    }

    /// Whether the guess after a loop is worth its readout.
    func isWorthReading(loop: Int, position: Int) -> Bool {
        rates[loop - 1] > Self.least || position % Self.trials == 0
    }
}
