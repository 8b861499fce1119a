/// Repeating letters. More loops should not improve this task.
///
/// The answer to `copy xkqz:` is `xkqz`. The level is the number of letters.
struct CopyTask: TaskGenerator {
    let name = "copy"
    let summary = "repeat letters; level: letters"
    let levels = 2...16

    func draw(level: Int, random: inout DataRandom) -> TaskInstance {
        let text = (0..<level).map { _ in random.pick(Alphabet.letters) }.joined()
        return TaskInstance(prompt: "copy \(text):", completion: text, key: text)
    }
}
