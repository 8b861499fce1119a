/// Addition and subtraction of whole numbers.
///
/// The answer to `37+48=` is `085`. An answer has one digit more than the numbers, with leading zeros. So the prompt
/// determines its length. Differences are never negative. The level is the number of digits.
struct ArithmeticTask: TaskGenerator {
    let name = "arithmetic"
    let summary = "add and subtract whole numbers; level: digits"
    let levels = 1...9

    func draw(level: Int, random: inout DataRandom) -> TaskInstance {
        let end = (0..<level).reduce(1) { power, _ in power * 10 }
        let numbers = level == 1 ? 0...9 : (end / 10)...(end - 1)
        let (first, second) = (random.within(numbers), random.within(numbers))
        let adds = random.below(2) == 0
        let (left, right) = adds ? (first, second) : (max(first, second), min(first, second))
        let answer = String(adds ? left + right : left - right)
        let text = "\(left)\(adds ? "+" : "-")\(right)"
        return TaskInstance(
            prompt: text + "=", completion: String(repeating: "0", count: level + 1 - answer.count) + answer, key: text)
    }
}
