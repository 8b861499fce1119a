/// A person of the biographies. The number of a person determines everything about them.
struct Person {
    struct Attribute {
        let phrases: [String]
        let question: @Sendable (String) -> String
        let values: [String]
    }

    let name: String
    let pronoun: String
    /// For every attribute, the index of the person's value.
    let values: [Int]

    /// - Parameters:
    ///   - number: the person's number, below 20 * 30 * 30. Names repeat from there on.
    init(_ number: Int) {
        let index = Self.order[number % Self.order.count]
        let parts = Self.nameParts.count
        let first = index / (parts * parts)
        name = "\(Self.firstNames[first]) \(Self.nameParts[index / parts % parts])\(Self.nameEnds[index % parts])"
        pronoun = first % 2 == 0 ? "She" : "He"
        values = Self.attributes.enumerated().map { position, attribute in
            let word = StableHash.combine(0xB10, UInt64(number), UInt64(position))
            return Int(word % UInt64(attribute.values.count))
        }
    }

    private static let order = IndexPermutation(count: firstNames.count * 900, seed: 2)
    private static let firstNames = [
        "Ada", "Adam", "Clara", "Carl", "Emma", "Emil", "Greta", "Hugo", "Ida", "Ivan", "Julia", "Jonas", "Laura",
        "Lukas",
        "Maria", "Martin", "Paula", "Peter", "Vera", "Victor",
    ]
    private static let nameParts = [
        "Al", "Bar", "Ber", "Bol", "Car", "Dal", "Dor", "Fal", "Fen", "Gar", "Gol", "Hal", "Har", "Hol", "Kal", "Kor",
        "Lam",
        "Lin", "Mar", "Mol", "Nor", "Ol", "Par", "Ros", "Sal", "Tal", "Tor", "Val", "Wal", "Win",
    ]
    private static let nameEnds = [
        "ber", "bert", "by", "chek", "cott", "den", "der", "don", "er", "feld", "ford", "gate", "green", "ham", "ing",
        "ker",
        "land", "ley", "low", "man", "mer", "mond", "ner", "sen", "son", "stein", "ton", "ville", "way", "wood",
    ]

    static let attributes: [Attribute] = [
        Attribute(
            phrases: ["was born in", "came to the world in", "spent the first years in"],
            question: { "Where was \($0) born?" },
            values: [
                "Aarhus", "Athens", "Basel", "Bergen", "Bern", "Bilbao", "Bologna", "Bremen", "Bruges", "Cadiz", "Cork",
                "Delft", "Dresden", "Dublin", "Esbjerg", "Galway", "Geneva", "Ghent", "Granada", "Graz", "Krakow",
                "Leeds",
                "Leiden", "Lille", "Linz", "Lisbon", "Malmo", "Nantes", "Oslo", "Parma", "Porto", "Prague", "Riga",
                "Rouen",
                "Split", "Tartu", "Turin", "Turku", "Vienna", "York",
            ]),
        Attribute(
            phrases: ["was born in the year", "has a birthday in the year", "arrived in the year"],
            question: { "In which year was \($0) born?" }, values: (1940...1999).map(String.init)),
        Attribute(
            phrases: ["studied", "has a degree in", "went to university for"], question: { "What did \($0) study?" },
            values: [
                "algebra", "anatomy", "biology", "botany", "chemistry", "dance", "drama", "ecology", "finance",
                "geology",
                "history", "law", "logic", "medicine", "music", "optics", "physics", "poetry", "statistics", "zoology",
            ]),
        Attribute(
            phrases: ["works as", "earns a living as", "is employed as"],
            question: { "What does \($0) work as?" },
            values: [
                "a baker", "a builder", "a carpenter", "a chemist", "a clerk", "a cook", "a dentist", "a farmer",
                "a guard",
                "a judge", "a miner", "a nurse", "a pilot", "a plumber", "a potter", "a sailor", "a singer",
                "a surgeon",
                "a tailor", "a writer",
            ]),
        Attribute(
            phrases: ["likes", "is fond of", "spends Sundays with"], question: { "What does \($0) like?" },
            values: [
                "bees", "bikes", "boats", "books", "bridges", "cards", "chess", "clocks", "coins", "films", "kites",
                "maps",
                "opera", "puzzles", "roses", "stamps", "stars", "tea", "trains", "wine",
            ]),
    ]
}
