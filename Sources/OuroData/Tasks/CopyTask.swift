/// Repeating letters: a task that more loops should not help.
///
/// `copy xkqz:` asks for `xkqz`. The level is the number of letters.
public struct CopyTask: SyntheticTask {
    public init() {}
    public let name = "copy"
    public let summary = "repeat letters; level: letters"
    public let levels = 2...16

    public func draw(level: Int, random: inout DataRandom) -> TaskInstance {
        let text = (0..<level).map { _ in random.pick(Alphabet.letters) }.joined()
        return TaskInstance(prompt: "copy \(text):", completion: text, key: text)
    }
}
