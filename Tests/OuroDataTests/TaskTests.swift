import Foundation
import Ouro
import Testing

@testable import OuroData

/// Tests the generators: right answers, disjoint splits, the meaning of levels, and data that never changes.
@Suite struct TaskTests {
    static let names = SyntheticTasks.all.map(\.name)

    private static func examples(
        _ task: any SyntheticTask, seed: UInt64 = 1, count: Int = 40, split: DataSplit
    ) throws -> [SyntheticExample] {
        try task.levels.flatMap { level in
            try (0..<count).map { try task.example(seed: seed, index: $0, level: level, split: split) }
        }
    }

    /// The other tasks ask for made-up facts, so the prompt does not determine the answer.
    @Test func everyTaskThatCanBeSolvedHasAnAnswer() {
        #expect(Set(Self.names).subtracting(TaskAnswers.all.keys) == ["relations", "biographies"])
    }

    @Test(arguments: TaskAnswers.all.keys.sorted()) func answersAreRight(name: String) throws {
        let task = try SyntheticTasks.named(name)
        let answer = try #require(TaskAnswers.all[name])
        for split in DataSplit.allCases {
            for example in try Self.examples(task, split: split) {
                let expected = answer(example.prompt)
                #expect(example.completion == expected, "\(example.prompt): \(example.completion)")
            }
        }
    }

    @Test(arguments: names) func anExampleIsAFunctionOfItsNumber(name: String) throws {
        let task = try SyntheticTasks.named(name)
        let level = task.levels.upperBound
        let first = try (0..<20).map { try task.example(seed: 7, index: $0, level: level, split: .train) }
        let again = try (0..<20).reversed().map { try task.example(seed: 7, index: $0, level: level, split: .train) }
        #expect(first == again.reversed())
        let other = try (0..<20).map { try task.example(seed: 8, index: $0, level: level, split: .train) }
        #expect(first != other, "another seed gives other examples")
        #expect(Set(first.map(\.prompt)).count > 10, "the examples differ")
    }

    @Test(arguments: names) func splitsAreDisjointWhateverTheSeeds(name: String) throws {
        let task = try SyntheticTasks.named(name)
        let train = try (0..<4).flatMap { try Self.examples(task, seed: $0, count: 200, split: .train) }
        let test = try (0..<4).flatMap { try Self.examples(task, seed: $0, count: 50, split: .test) }
        let shared = Set(train.map(\.prompt)).intersection(test.map(\.prompt))
        #expect(shared.isEmpty, "\(shared.prefix(3))")
    }

    @Test func chainsInAnotherOrderBelongToTheSameSplit() throws {
        func question(_ prompt: String) -> String {
            let parts = prompt.split(separator: "?")
            return parts[0].split(separator: " ").sorted().joined() + parts[1]
        }
        let task = ChainTask()
        let train = try Self.examples(task, count: 2000, split: .train).map { question($0.prompt) }
        let test = try Self.examples(task, count: 500, split: .test).map { question($0.prompt) }
        #expect(Set(train).isDisjoint(with: test))
        #expect(ChainTask.split(of: "a key") == ChainTask.split(of: "a key"))
    }

    @Test func oneInstanceInEightIsHeldOut() {
        let held = (0..<8000).count { ManoTask.split(of: "instance \($0)") == .test }
        #expect((900...1100).contains(held), "\(held) of 8000")
        #expect(ManoTask.split(of: nil) == .train, "facts serve training")
    }

    @Test func levelsAreWhatTheySay() throws {
        func prompts(_ task: any SyntheticTask, _ level: Int) throws -> [SyntheticExample] {
            try (0..<20).map { try task.example(seed: 3, index: $0, level: level, split: .test) }
        }
        for level in [1, 5, 12] {
            for example in try prompts(ManoTask(), level) {
                #expect(example.prompt.count { "+-*".contains($0) } == level, "\(example)")
            }
            for example in try prompts(SwapsTask(), level) {
                #expect(example.prompt.count { $0 == " " } == level, "\(example)")
            }
            for example in try prompts(BracketsTask(), level) {
                #expect(example.completion.count == level, "\(example)")
            }
            for example in try prompts(SumsTask(), level) { #expect(example.prompt.count == level + 3, "\(example)") }
        }
        for example in try prompts(ChainTask(), 4) { #expect(example.prompt.hasSuffix(">>>>"), "\(example)") }
        for example in try prompts(CopyTask(), 9) { #expect(example.completion.count == 9, "\(example)") }
        for example in try prompts(ArithmeticTask(), 3) { #expect(example.completion.count == 4, "\(example)") }
        for example in try prompts(RelationsTask(), 3) {
            #expect(example.prompt.components(separatedBy: " of ").count == 4, "\(example)")
        }
        #expect(BiographiesTask.population(level: 1) == 100)
        #expect(BiographiesTask.population(level: 8) == 12_800)
    }

    @Test func aChainNeverGetsShorterBackwards() {
        #expect(ChainTask().levels.upperBound * 2 <= ChainTask.ringSize)
    }

    @Test func testQuestionsAreAnsweredByFactsOfTraining() throws {
        let train = try Self.examples(RelationsTask(), count: 10_000, split: .train)
        let statements = train.filter { $0.prompt.hasPrefix("The ") }
        let facts = Dictionary(statements.map { ($0.prompt, $0.completion) }, uniquingKeysWith: { first, _ in first })
        var known = 0
        for index in 0..<50 {
            let example = try RelationsTask().example(seed: 9, index: index, level: 1, split: .test)
            // "Who is the friend of Tovan?" becomes "The friend of Tovan is".
            guard let fact = facts["T" + example.prompt.dropFirst(8).dropLast() + " is"] else { continue }
            #expect(fact == example.completion, "\(example)")
            known += 1
        }
        // The training examples state about five in six of the 8000 facts.
        #expect(known > 30, "\(known) of 50")
    }

    @Test func peopleAreDistinctAndStayTheSame() {
        let people = (0..<12_800).map { Person($0) }
        #expect(Set(people.map(\.name)).count == people.count)
        #expect(Set(people.prefix(500).map(\.values)).count > 490)
        let names = (0..<5).flatMap { layer in (0..<100).map { RelationsTask.name(layer: layer, $0) } }
        #expect(Set(names).count == 500)
    }

    @Test func aSeedNamesTheSameDataForGood() throws {
        func example(_ name: String, _ level: Int, _ split: DataSplit = .test) throws -> String {
            let example = try SyntheticTasks.named(name).example(seed: 1, index: 0, level: level, split: split)
            return "\(example.prompt)|\(example.completion)"
        }
        #expect(try example("mano", 1, .train) == "+bt=|u")
        #expect(try example("chain", 1, .train) == "fr ca yh xm ey rx gk hi mc if ag ke?e>|y")
        #expect(try example("swaps", 1, .train) == "jrbxd 14?5=|d")
        #expect(try example("relations", 2) == "Who is the partner of the neighbour of Varin?| Goran.")
        #expect(try example("biographies", 2) == "In which year was Laura Norner born?| 1953.")
    }

    @Test func unknownTasksAndLevelsAreRefused() throws {
        let unknown = #expect(throws: OuroError.self) { try SyntheticTasks.named("nonsense") }
        #expect(unknown?.message.contains("mano") == true)
        for level in [0, 25, -1, .max, .min] {
            let error = #expect(throws: OuroError.self) {
                try ManoTask().example(seed: 1, index: 0, level: level, split: .train)
            }
            #expect(error?.field == "level")
        }
    }
}

/// Tests the random numbers that data depends on.
@Suite struct RandomTests {
    @Test(arguments: [1, 2, 3, 7, 8, 64, 65, 1000]) func aPermutationVisitsEveryIndexOnce(count: Int) {
        for seed in 0..<5 {
            let permutation = IndexPermutation(count: count, seed: UInt64(seed))
            #expect(Set((0..<count).map { permutation[$0] }) == Set(0..<count))
        }
    }

    @Test func permutationsDifferBySeedAndAreNotTheIdentity() {
        func order(_ seed: UInt64) -> [Int] {
            let permutation = IndexPermutation(count: 100, seed: seed)
            return (0..<100).map { permutation[$0] }
        }
        #expect(order(1) != order(2))
        #expect(order(1) != Array(0..<100))
        let fixed = (0..<200).reduce(0) { sum, seed in
            sum + order(UInt64(seed)).enumerated().count { $0.offset == $0.element }
        }
        #expect((120...280).contains(fixed), "\(fixed) fixed points in 200 permutations; about 200 are due")
    }

    @Test func numbersAreUniform() {
        var random = DataRandom(5)
        var counts = [Int](repeating: 0, count: 6)
        for _ in 0..<60_000 { counts[random.below(6)] += 1 }
        #expect(counts.allSatisfy { (9600...10_400).contains($0) }, "\(counts)")
        var letters = Array(0..<10)
        random.shuffle(&letters)
        #expect(letters.sorted() == Array(0..<10) && letters != Array(0..<10))
    }
}
