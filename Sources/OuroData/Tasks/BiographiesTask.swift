/// Memorised facts about people (the paper's Capo task, appendix B). It measures how much knowledge the parameters
/// hold.
///
/// Training has biographies of several sentences and questions about some of the facts in them; testing has questions about
/// the others, which the biographies answer. The level doubles the number of people: 100 at level 1, 12 800 at level 8. The
/// people are the same for every seed, and those of a level are part of the next level's.
struct BiographiesTask: TaskGenerator {
    let name = "biographies"
    let summary = "facts about people, known by heart; level n: 50 * 2^n people"
    let levels = 1...8
    let learnsPrompt = true

    static func population(level: Int) -> Int { 50 << level }

    func draw(level: Int, random: inout DataRandom) -> TaskInstance {
        let person = Person(random.below(Self.population(level: level)))
        // Biographies are twice as frequent as questions.
        if random.below(3) > 0 { return biography(of: person, &random) }
        let question = random.below(Person.attributes.count)
        let attribute = Person.attributes[question]
        return TaskInstance(
            prompt: attribute.question(person.name), completion: " \(attribute.values[person.values[question]]).",
            key: "\(person.name)|\(question)")
    }

    private func biography(of person: Person, _ random: inout DataRandom) -> TaskInstance {
        let sentences = Person.attributes.indices.map { index in
            let attribute = Person.attributes[index]
            let subject = index == 0 ? person.name : person.pronoun
            return "\(subject) \(random.pick(attribute.phrases)) \(attribute.values[person.values[index]])."
        }
        return TaskInstance(
            prompt: sentences.dropLast().joined(separator: " "), completion: " " + (sentences.last ?? ""), key: nil)
    }
}
