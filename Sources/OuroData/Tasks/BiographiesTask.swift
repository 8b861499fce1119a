/// Memorised facts about people (the paper's Capo task, appendix B). It measures how much knowledge the parameters
/// hold.
///
/// The training split has biographies of several sentences, and questions about some of the facts. The test split has
/// questions about the other facts, which the biographies also state. Level 1 has 100 people, and each further level
/// has twice as many. The people do not depend on the seed. Each level contains the people of the levels below.
struct BiographiesTask: TaskGenerator {
    let name = "biographies"
    let summary = "memorised facts about people; level n: 50 * 2^n people"
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
