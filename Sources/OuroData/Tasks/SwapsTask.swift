/// Tracking five letters that swap places. This composes permutations, which a model of fixed depth cannot do for every
/// number of swaps.
///
/// In `kbqat 12 34 15?3=`, the letters start on places 1 to 5. Then places 1 and 2 are swapped, then 3 and 4, then 1
/// and 5. The question asks for the letter on place 3. The level is the number of swaps.
struct SwapsTask: TaskGenerator {
    let name = "swaps"
    let summary = "five letters swap places; level: swaps"
    let levels = 1...12
    static let places = 5

    func draw(level: Int, random: inout DataRandom) -> TaskInstance {
        var row = random.sample(Self.places, of: Alphabet.letters)
        var text = row.joined()
        for _ in 0..<level {
            let first = random.below(Self.places)
            let second = (first + 1 + random.below(Self.places - 1)) % Self.places
            row.swapAt(first, second)
            text += " \(min(first, second) + 1)\(max(first, second) + 1)"
        }
        let place = random.below(Self.places)
        text += "?\(place + 1)"
        return TaskInstance(prompt: text + "=", completion: row[place], key: text)
    }
}
