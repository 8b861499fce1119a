/// Adding digits modulo ten, without intermediate steps.
///
/// The prompt `#3581=` asks for the last digit of 3 + 5 + 8 + 1. The answer is one digit. The level is the number of
/// additions.
struct SumsTask: TaskGenerator {
    let name = "sums"
    let summary = "the last digit of a sum of digits; level: additions"
    let levels = 1...16

    func draw(level: Int, random: inout DataRandom) -> TaskInstance {
        let digits = (0...level).map { _ in random.below(10) }
        let text = "#" + digits.map(String.init).joined()
        return TaskInstance(prompt: text + "=", completion: "\(digits.reduce(0, +) % 10)", key: text)
    }
}
