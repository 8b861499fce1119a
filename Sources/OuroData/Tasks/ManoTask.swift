/// Mano: arithmetic modulo 23 in prefix notation, without intermediate steps (paper, appendix B; from Allen-Zhu's
/// "Physics of language models").
///
/// The prompt `+a*bc=` asks for a + b * c, where a = 0, b = 1, ..., w = 22. The answer is one letter. The level is the
/// number of operators. The paper uses numbers as tokens. Letters are used here because every tokenizer can encode a
/// letter as one token.
struct ManoTask: TaskGenerator {
    let name = "mano"
    let summary = "prefix expressions over F_23 with + - *; level: operators"
    let levels = 1...24
    static let modulus = 23
    static let letters = (0..<modulus).map { String(UnicodeScalar(UInt8(97 + $0))) }

    func draw(level: Int, random: inout DataRandom) -> TaskInstance {
        var text = ""
        let value = expression(level, &text, &random)
        return TaskInstance(prompt: text + "=", completion: Self.letters[value], key: text)
    }

    /// Writes an expression with so many operators, and returns its value. The recursion is at most 24 deep.
    private func expression(_ operators: Int, _ text: inout String, _ random: inout DataRandom) -> Int {
        guard operators > 0 else {
            let value = random.below(Self.modulus)
            text += Self.letters[value]
            return value
        }
        let kind = random.below(3)
        text += ["+", "-", "*"][kind]
        let inside = random.below(operators)
        let left = expression(inside, &text, &random)
        let right = expression(operators - 1 - inside, &text, &random)
        return switch kind {
        case 0: (left + right) % Self.modulus
        case 1: (left - right + Self.modulus) % Self.modulus
        default: left * right % Self.modulus
        }
    }
}
