import Ouro

extension Automaton {
    /// Makes the automaton of an expression.
    ///
    /// - Parameters:
    ///   - expression: the expression.
    ///   - isSearch: whether a sequence matches if a part of it does. `start` and `end` then tie the part to the whole.
    ///   - budget: pays for the work.
    ///   - place: the field of errors.
    /// - Throws: `OuroError` with code `invalidRequest` if the automaton gets too large.
    init(
        _ expression: Expression, isSearch: Bool = false, _ budget: inout CompileBudget, place: String
    ) throws(OuroError) {
        self.init()
        var machine = Machine()
        let anything = Expression.repeated(.one(.all), least: 0, most: nil)
        let whole = isSearch ? .sequence([anything, expression, anything]) : expression
        let start = try machine.add(whole, then: machine.add(.accept), &budget, place: place)
        try determinise(machine, start: start, &budget, place: place)
    }

    /// A nondeterministic machine for an expression, by Thompson's construction.
    private struct Machine {
        enum Instruction {
            case accept
            /// Reads a number of a set, by the set's index.
            case one(Int, Int)
            case split([Int])
            case start(Int)
            case end(Int)
        }
        var code: [Instruction] = []
        var sets: [ScalarSet] = []
        private var setNumbers: [ScalarSet: Int] = [:]

        mutating func add(_ instruction: Instruction) -> Int {
            code.append(instruction)
            return code.count - 1
        }

        /// Adds the instructions of an expression and returns the first one. They continue at `next`.
        mutating func add(
            _ expression: Expression, then next: Int, _ budget: inout CompileBudget, place: String
        ) throws(OuroError) -> Int {
            try budget.take(32, for: place)
            switch expression {
            case .empty: return next
            case .one(let set):
                let number = setNumbers[set] ?? sets.count
                if number == sets.count {
                    setNumbers[set] = number
                    sets.append(set)
                }
                return add(.one(number, next))
            case .sequence(let parts):
                var first = next
                for part in parts.reversed() { first = try add(part, then: first, &budget, place: place) }
                return first
            case .choice(let parts):
                var targets: [Int] = []
                for part in parts { targets.append(try add(part, then: next, &budget, place: place)) }
                return add(.split(targets))
            case .repeated(let part, let least, let most):
                var first = next
                if let most {
                    for _ in least..<max(most, least) {
                        first = add(.split([try add(part, then: first, &budget, place: place), next]))
                    }
                } else {
                    let loop = add(.split([]))
                    code[loop] = .split([try add(part, then: loop, &budget, place: place), next])
                    first = loop
                }
                for _ in 0..<least { first = try add(part, then: first, &budget, place: place) }
                return first
            case .start: return add(.start(next))
            case .end: return add(.end(next))
            }
        }

        /// Adds everything that can be reached from instructions without reading a number. The result is sorted.
        func close(
            _ instructions: [Int], atStart: Bool, atEnd: Bool, _ budget: inout CompileBudget, place: String
        ) throws(OuroError) -> [Int] {
            var seen = Set(instructions)
            var pending = instructions
            func visit(_ target: Int) { if seen.insert(target).inserted { pending.append(target) } }
            while let index = pending.popLast() {
                try budget.take(1, for: place)
                switch code[index] {
                case .accept, .one: break
                case .split(let targets): for target in targets { visit(target) }
                case .start(let next): if atStart { visit(next) }
                case .end(let next): if atEnd { visit(next) }
                }
            }
            return seen.filter { index in
                switch code[index] {
                case .split, .start: false
                case .accept, .one, .end: true
                }
            }.sorted()
        }

        /// The classes of numbers that no set tells apart: the numbers of each class, and the classes of each set.
        func classes() -> (classes: [ScalarSet], ofSet: [[Int]]) {
            var cuts: Set<UInt32> = []
            for set in sets {
                for range in set.ranges {
                    cuts.insert(range.lowerBound)
                    cuts.insert(range.upperBound + 1)
                }
            }
            let sorted = cuts.sorted()
            var members: [[Int]: [ClosedRange<UInt32>]] = [:]
            var places = [Int](repeating: 0, count: sets.count)
            for (cut, next) in zip(sorted, sorted.dropFirst()) {
                var signature: [Int] = []
                for (index, set) in sets.enumerated() {
                    while places[index] < set.ranges.count, set.ranges[places[index]].upperBound < cut {
                        places[index] += 1
                    }
                    if places[index] < set.ranges.count, set.ranges[places[index]].contains(cut) {
                        signature.append(index)
                    }
                }
                if !signature.isEmpty { members[signature, default: []].append(cut...next - 1) }
            }
            var (classes, ofSet) = ([ScalarSet](), [[Int]](repeating: [], count: sets.count))
            for (signature, ranges) in members.sorted(by: { $0.value[0].lowerBound < $1.value[0].lowerBound }) {
                for set in signature { ofSet[set].append(classes.count) }
                classes.append(ScalarSet(ranges))
            }
            return (classes, ofSet)
        }
    }

    private mutating func determinise(
        _ machine: Machine, start: Int, _ budget: inout CompileBudget, place: String
    ) throws(OuroError) {
        let rangeCount = machine.sets.reduce(0) { $0 + $1.ranges.count }
        try budget.take(rangeCount * machine.sets.count / 8 + rangeCount, for: place)
        let (classes, ofSet) = machine.classes()
        var numbers: [[Int]: Int] = [:]
        var members: [[Int]] = []
        var unions: [[Int]: Int] = [:]
        func stateNumber(
            _ set: [Int], _ budget: inout CompileBudget, atStart: Bool
        ) throws(OuroError) -> Int {
            let state = try machine.close(set, atStart: atStart, atEnd: false, &budget, place: place)
            if !atStart, let known = numbers[state] { return known }
            let end = try machine.close(state, atStart: atStart, atEnd: true, &budget, place: place)
            let accepts = end.contains { if case .accept = machine.code[$0] { true } else { false } }
            let new = try addState(accepts: accepts, limit: place)
            // The start is no other state's target, because `start` holds only there.
            if !atStart { numbers[state] = new }
            members.append(state)
            return new
        }
        _ = try stateNumber([start], &budget, atStart: true)
        var index = 0
        while index < members.count {
            var targets = [[Int]](repeating: [], count: classes.count)
            for instruction in members[index] {
                guard case .one(let set, let next) = machine.code[instruction] else { continue }
                try budget.take(ofSet[set].count, for: place)
                for number in ofSet[set] { targets[number].append(next) }
            }
            // The classes of each next state.
            var byTarget: [Int: [Int]] = [:]
            var known: [[Int]: Int] = [:]
            for (number, instructions) in targets.enumerated() where !instructions.isEmpty {
                let target: Int
                if let same = known[instructions] {
                    target = same
                } else {
                    target = try stateNumber(instructions, &budget, atStart: false)
                    known[instructions] = target
                }
                byTarget[target, default: []].append(number)
            }
            for (target, list) in byTarget.sorted(by: { $0.key < $1.key }) {
                if unions[list] == nil {
                    let set = ScalarSet(list.flatMap { classes[$0].ranges })
                    try budget.take(set.ranges.count, for: place)
                    unions[list] = number(of: set)
                }
                addEdge(from: index, set: unions[list] ?? 0, to: target)
            }
            index += 1
        }
    }
}
