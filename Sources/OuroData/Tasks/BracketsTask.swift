/// Closing brackets of four kinds.
///
/// The answer to `([]{=` is `})`, which closes the open brackets. The level is the number of open brackets, and so the
/// length of the answer. The prompt also has closed pairs.
struct BracketsTask: TaskGenerator {
    let name = "brackets"
    let summary = "close the open brackets; level: open brackets"
    let levels = 1...12
    static let pairs = [("(", ")"), ("[", "]"), ("{", "}"), ("<", ">")]

    func draw(level: Int, random: inout DataRandom) -> TaskInstance {
        var (text, closing) = ("", "")
        for _ in 0..<level {
            while random.below(3) == 0 {
                let pair = random.pick(Self.pairs)
                text += pair.0 + pair.1
            }
            let pair = random.pick(Self.pairs)
            text += pair.0
            closing = pair.1 + closing
        }
        return TaskInstance(prompt: text + "=", completion: closing, key: text)
    }
}
