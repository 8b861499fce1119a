import Ouro

/// A deterministic automaton over numbers: Unicode scalars, or bytes.
struct Automaton: Sendable {
    struct Edge: Sendable, Hashable {
        /// An index into `sets`.
        let set: Int
        let target: Int
    }

    struct State: Sendable {
        var accepts = false
        /// Their sets are disjoint.
        var edges: [Edge] = []
    }

    /// The states. The first one is the start. A missing edge rejects.
    private(set) var states: [State] = []
    private(set) var sets: [ScalarSet] = []
    private var setNumbers: [ScalarSet: Int] = [:]

    mutating func number(of set: ScalarSet) -> Int {
        if let known = setNumbers[set] { return known }
        setNumbers[set] = sets.count
        sets.append(set)
        return sets.count - 1
    }

    /// Adds a state and returns its number.
    mutating func addState(accepts: Bool, limit place: String) throws(OuroError) -> Int {
        guard states.count < CompileBudget.stateLimit else {
            throw OuroError(
                .invalidRequest, field: place,
                "the schema is too large: its texts need an automaton of more than \(CompileBudget.stateLimit) states; "
                    + "make the pattern or the numbers simpler")
        }
        states.append(State(accepts: accepts))
        return states.count - 1
    }

    /// Adds an edge. Its set must be disjoint from those of the state's other edges.
    mutating func addEdge(from state: Int, _ set: ScalarSet, to target: Int) {
        if !set.isEmpty { states[state].edges.append(Edge(set: number(of: set), target: target)) }
    }

    mutating func addEdge(from state: Int, set: Int, to target: Int) {
        states[state].edges.append(Edge(set: set, target: target))
    }

    func accepts(_ numbers: some Sequence<UInt32>) -> Bool {
        var state = 0
        for number in numbers {
            guard let edge = states[state].edges.first(where: { sets[$0.set].contains(number) }) else { return false }
            state = edge.target
        }
        return states[state].accepts
    }

    func accepts(_ text: String) -> Bool { accepts(text.unicodeScalars.map(\.value)) }

    /// Whether there is a sequence that it accepts.
    var isEmpty: Bool {
        var seen: Set<Int> = [0]
        var pending = [0]
        while let state = pending.popLast() {
            if states[state].accepts { return false }
            for edge in states[state].edges where seen.insert(edge.target).inserted { pending.append(edge.target) }
        }
        return true
    }

    /// The sequences that both automata accept.
    func intersection(
        _ other: Automaton, _ budget: inout CompileBudget, place: String
    ) throws(OuroError) -> Automaton {
        var result = Automaton()
        var numbers: [SIMD2<Int>: Int] = [:]
        var pairs: [SIMD2<Int>] = []
        var common: [SIMD2<Int>: Int] = [:]
        func number(_ pair: SIMD2<Int>) throws(OuroError) -> Int {
            if let known = numbers[pair] { return known }
            let new = try result.addState(
                accepts: states[pair.x].accepts && other.states[pair.y].accepts, limit: place)
            numbers[pair] = new
            pairs.append(pair)
            return new
        }
        _ = try number([0, 0])
        var index = 0
        while index < pairs.count {
            let pair = pairs[index]
            for left in states[pair.x].edges {
                try budget.take(other.states[pair.y].edges.count + 1, for: place)
                for right in other.states[pair.y].edges {
                    let key: SIMD2<Int> = [left.set, right.set]
                    if common[key] == nil {
                        let both = sets[left.set].intersection(other.sets[right.set])
                        try budget.take(sets[left.set].ranges.count + other.sets[right.set].ranges.count, for: place)
                        common[key] = both.isEmpty ? -1 : result.number(of: both)
                    }
                    guard let set = common[key], set >= 0 else { continue }
                    let target = try number([left.target, right.target])
                    result.states[index].edges.append(Edge(set: set, target: target))
                }
            }
            index += 1
        }
        return result
    }

    /// The sequences of Unicode scalars that the automaton does not accept.
    func complement(_ budget: inout CompileBudget, place: String) throws(OuroError) -> Automaton {
        var result = self
        for index in states.indices { result.states[index].accepts.toggle() }
        let sink = try result.addState(accepts: true, limit: place)
        result.addEdge(from: sink, .all, to: sink)
        for index in states.indices {
            var rest = ScalarSet.all
            for edge in states[index].edges {
                try budget.take(rest.ranges.count + sets[edge.set].ranges.count, for: place)
                rest = rest.subtracting(sets[edge.set])
            }
            result.addEdge(from: index, rest, to: sink)
        }
        return result
    }

    /// Texts of a number of Unicode scalars.
    static func length(_ least: Int, _ most: Int?, place: String) throws(OuroError) -> Automaton {
        var result = Automaton()
        for count in 0...(most ?? least) { _ = try result.addState(accepts: count >= least, limit: place) }
        for state in 1..<max(result.states.count, 1) { result.addEdge(from: state - 1, .all, to: state) }
        if most == nil { result.addEdge(from: least, .all, to: least) }
        return result
    }

    /// All texts except some.
    static func all(
        except texts: [String], _ budget: inout CompileBudget, place: String
    ) throws(OuroError) -> Automaton {
        var result = Automaton()
        var children: [[UInt32: Int]] = [[:]]
        _ = try result.addState(accepts: true, limit: place)
        for text in texts {
            var state = 0
            for scalar in text.unicodeScalars {
                try budget.take(1, for: place)
                if let known = children[state][scalar.value] {
                    state = known
                } else {
                    let new = try result.addState(accepts: true, limit: place)
                    children[state][scalar.value] = new
                    children.append([:])
                    state = new
                }
            }
            result.states[state].accepts = false
        }
        let free = try result.addState(accepts: true, limit: place)
        result.addEdge(from: free, .all, to: free)
        for (state, next) in children.enumerated() {
            var rest = ScalarSet(next.keys.map { $0...$0 })
            try budget.take(next.count + 1, for: place)
            for (scalar, child) in next.sorted(by: { $0.key < $1.key }) {
                result.addEdge(from: state, ScalarSet([scalar...scalar]), to: child)
            }
            rest = rest.complement
            result.addEdge(from: state, rest, to: free)
        }
        return result
    }
}
