/// Short English stories from a grammar. The last word can be looked up in the story.
///
/// For example, "Once upon a time there was a small fox named Tom. Tom had a red kite. ... Tom looked at the kite. It
/// was" is followed by " red.". A lookup needs only one loop. The level is the number of objects in the story.
struct StoriesTask: TaskGenerator {
    let name = "stories"
    let summary = "stories whose last word is in the story; level: objects"
    let levels = 1...6
    let learnsPrompt = true

    static let names = ["Tom", "Anna", "Ben", "Lily", "Max", "Nora", "Sam", "Mia", "Leo", "Rosa"]
    static let animals = ["fox", "bear", "cat", "dog", "mouse", "rabbit", "owl", "hen", "frog", "duck"]
    static let natures = ["small", "brave", "happy", "clever", "shy", "old", "kind", "proud"]
    static let colours = ["red", "blue", "green", "yellow", "white", "black", "brown", "pink"]
    static let things = ["kite", "ball", "hat", "boat", "drum", "lamp", "box", "book", "cup", "bell"]
    static let places = ["forest", "garden", "village", "barn", "meadow", "harbour", "mill", "valley"]
    static let openings = ["Once upon a time there was", "Long ago there lived", "In a quiet \u{0}, there was"]
    static let finds = [
        "\u{0} had a \u{1}.", "\u{0} found a \u{1}.", "A friend gave \u{0} a \u{1}.", "\u{0} made a \u{1}.",
    ]
    static let asides = [
        "The sun was warm.", "It began to rain.", "The wind was cold.", "Birds sang in the trees.",
        "Everyone was asleep.", "The stars came out.",
    ]

    func draw(level: Int, random: inout DataRandom) -> TaskInstance {
        let name = random.pick(Self.names)
        let (animal, nature, place) = (random.pick(Self.animals), random.pick(Self.natures), random.pick(Self.places))
        let things = random.sample(level, of: Self.things)
        let colours = random.sample(level, of: Self.colours)
        let article = nature == "old" ? "an" : "a"
        var sentences = [
            Self.fill(random.pick(Self.openings), place) + " \(article) \(nature) \(animal) named \(name)."
        ]
        for (thing, colour) in zip(things, colours) {
            sentences.append(Self.fill(random.pick(Self.finds), name, "\(colour) \(thing)"))
            if random.below(3) == 0 { sentences.append(random.pick(Self.asides)) }
        }
        let answer: String
        if random.below(4) == 0 {
            sentences.append(random.pick(["The \(animal) was called", "The name of the \(animal) was"]))
            answer = name
        } else {
            let asked = random.below(level)
            sentences.append(
                random.pick(["\(name) looked at the \(things[asked]). It was", "The \(things[asked]) was"]))
            answer = colours[asked]
        }
        let text = sentences.joined(separator: " ")
        return TaskInstance(prompt: text, completion: " \(answer).", key: text)
    }

    /// Replaces the placeholders of a pattern by words.
    private static func fill(_ pattern: String, _ words: String...) -> String {
        pattern.unicodeScalars.reduce(into: "") { text, scalar in
            if let index = Int(exactly: scalar.value), words.indices.contains(index) {
                text += words[index]
            } else {
                text.unicodeScalars.append(scalar)
            }
        }
    }
}
