/// Questions of several hops over memorised facts (paper, appendix B). There are 500 entities in 5 layers, and 20
/// relations from each layer to the next.
///
/// The training split has facts, such as "The friend of Tovan is Mirel.". It also has questions, such as "Who is the
/// teacher of the friend of Tovan?" with the answer " Mirel.". The test split has other questions about the same facts.
/// The level is the number of hops. The facts do not depend on the seed.
struct RelationsTask: TaskGenerator {
    let name = "relations"
    let summary = "questions over memorised facts about 500 people; level: hops"
    let levels = 1...4
    let learnsPrompt = true

    static let layers = 5
    static let layerSize = 100
    static let relations = [
        "friend", "teacher", "neighbour", "doctor", "cousin", "rival", "partner", "baker", "tailor", "lawyer", "coach",
        "barber", "boss", "painter", "guide", "driver", "tenant", "pupil", "guest", "heir",
    ]
    private static let beginnings = [
        "Ba", "Be", "Bi", "Da", "De", "Fa", "Ga", "Go", "Ha", "Ka", "Ki", "La", "Lo", "Ma", "Mi", "Na", "No", "Pa",
        "Ra",
        "Ro", "Sa", "Ta", "To", "Va", "Ze",
    ]
    private static let endings = [
        "bel", "ben", "dor", "fin", "gar", "kin", "lan", "las", "len", "lor", "mir", "nas", "nim", "ran", "ros", "rin",
        "tan", "tor", "van", "vik",
    ]
    /// Shuffles the names, so that a name does not reveal its layer.
    private static let order = IndexPermutation(count: 500, seed: 1)

    static func name(layer: Int, _ entity: Int) -> String {
        let index = order[layer * layerSize + entity]
        return beginnings[index / endings.count] + endings[index % endings.count]
    }

    /// The entity in the next layer that a relation leads to.
    static func target(layer: Int, _ entity: Int, _ relation: Int) -> Int {
        let word = StableHash.combine(0x5EED, UInt64(layer), UInt64(entity), UInt64(relation))
        return Int(word % UInt64(layerSize))
    }

    func draw(level: Int, random: inout DataRandom) -> TaskInstance {
        if random.below(3) == 0 { return statement(&random) }
        let start = random.below(Self.layers - level)
        let first = random.below(Self.layerSize)
        var (entity, description) = (first, Self.name(layer: start, first))
        for hop in 0..<level {
            let relation = random.below(Self.relations.count)
            entity = Self.target(layer: start + hop, entity, relation)
            description = "the \(Self.relations[relation]) of \(description)"
        }
        return TaskInstance(
            prompt: "Who is \(description)?", completion: " \(Self.name(layer: start + level, entity)).",
            key: description)
    }

    private func statement(_ random: inout DataRandom) -> TaskInstance {
        let (layer, entity) = (random.below(Self.layers - 1), random.below(Self.layerSize))
        let relation = random.below(Self.relations.count)
        let target = Self.name(layer: layer + 1, Self.target(layer: layer, entity, relation))
        return TaskInstance(
            prompt: "The \(Self.relations[relation]) of \(Self.name(layer: layer, entity)) is",
            completion: " \(target).", key: nil)
    }
}
