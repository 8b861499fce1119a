/// Following arrows that the prompt lists. This task depends most directly on depth.
///
/// In `ac ba cd ... ?b>>>`, a leads to c, b leads to a, and so on. The question is where three steps from b lead. The
/// answer is one letter. The level is the number of steps. The arrows always form one ring of twelve letters, so
/// prompts of all levels look alike. The level is at most half of the ring, so that going backward is never shorter.
struct ChainTask: TaskGenerator {
    let name = "chain"
    let summary = "follow arrows given in the prompt; level: steps"
    let levels = 1...6
    static let ringSize = 12

    func draw(level: Int, random: inout DataRandom) -> TaskInstance {
        let ring = random.sample(Self.ringSize, of: Alphabet.letters)
        var arrows = ring.indices.map { ring[$0] + ring[($0 + 1) % ring.count] }
        let rule = arrows.sorted().joined()
        random.shuffle(&arrows)
        @Sendable func question(from start: Int, steps: Int, after text: String) -> TaskInstance {
            TaskInstance(
                prompt: text + "?" + ring[start] + String(repeating: ">", count: steps),
                completion: ring[(start + steps) % ring.count], key: rule + ring[start] + "\(steps)",
                followUp: { random in
                    question(from: random.below(ring.count), steps: 1 + random.below(level), after: "")
                })
        }
        return question(from: 0, steps: level, after: arrows.joined(separator: " "))
    }
}

/// The letters that the symbolic tasks use.
enum Alphabet {
    static let letters = (UInt8(ascii: "a")...UInt8(ascii: "z")).map { String(UnicodeScalar($0)) }
}
