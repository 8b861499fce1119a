/// Closing brackets of four kinds.
///
/// `([]{=` asks for what closes it: `})`. The level is the number of brackets that are open, which is also the number of
/// characters in the answer; pairs that are closed already stand between them.
struct BracketsTask: TaskGenerator {
    let name = "brackets"
    let summary = "close what is open; level: open brackets"
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
