import Ouro

/// The states that the texts of one grammar pass through. A state stands for all parses of a text so far.
///
/// States are numbered, and the step from a state by a byte is computed once. Parses that are equal are merged: a state
/// has each instruction only once, with one set of stacks. A set of stacks is a numbered node too, and equal sets have
/// the same number. Two rules that read the same texts therefore cost no more than one.
struct StateTable {
    /// Where a rule continues when it ends: an address, and how often the loop at this address has run.
    private struct Frame: Hashable, Comparable {
        let address: Int32
        let count: Int32

        static func < (a: Frame, b: Frame) -> Bool { (a.address, a.count) < (b.address, b.count) }
    }

    /// A set of stacks: their innermost frames, in order and without duplicates, each with the set of stacks below it.
    private struct Node: Hashable {
        struct Edge: Hashable {
            let frame: Frame
            var below: Int32
        }
        var edges: [Edge] = []
    }

    /// A place in the program: an instruction, and how much of its literal has been read or how often its loop has run.
    private struct Place: Hashable, Comparable {
        let address: Int32
        let count: Int32

        static func < (a: Place, b: Place) -> Bool { (a.address, a.count) < (b.address, b.count) }
    }

    private struct Thread: Hashable {
        let place: Place
        let stacks: Int32
    }

    /// All parses of a text, in a fixed order: equal sets of parses are equal values.
    private struct State: Hashable {
        var threads: [Thread] = []
        /// Whether the text may end here.
        var accepts = false
    }

    /// The number of the state without parses: no text begins like this.
    static let dead: Int32 = 0
    private static let unknown: Int32 = -1
    /// The largest number of frames in one stack.
    static let depthLimit = 512
    /// One more parse costs as much as this number of known steps.
    private static let parseWork = 8
    /// The work that one step, or the steps of one mask, may take beyond one unit for each node of a vocabulary.
    static let workLimit = 1 << 20
    private static let byteLimit = 8 << 20

    let program: Grammar.Program
    /// The work since it was last set to 0: steps through the table and parses followed.
    var work = 0
    /// The work at which a step fails.
    var limit = Self.workLimit

    private var nodes = [Node()]
    private var depths: [Int32] = [0]
    private var nodeNumbers = [Node(): Int32(0)]
    private var unions: [UInt64: Int32] = [:]
    private var edgeCount = 0

    private var states = [State()]
    private var stateNumbers = [State(): Self.dead]
    private var steps = [Int32](repeating: Self.dead, count: 256)
    private var threadCount = 0

    init(_ program: Grammar.Program) { self.program = program }

    /// An estimate of the memory of the table in bytes.
    var byteCount: Int {
        edgeCount * 32 + nodes.count * 96 + unions.count * 24 + threadCount * 32 + states.count * 128 + steps.count * 4
    }

    /// Whether the table has as many entries as it may keep. It goes on working, but should be replaced.
    var isFull: Bool { byteCount > Self.byteLimit }

    func accepts(_ state: Int32) -> Bool { states[Int(state)].accepts }

    /// The state before the first byte.
    mutating func start() throws(OuroError) -> Int32 {
        try close([Thread(place: Place(address: 0, count: 0), stacks: 0)])
    }

    /// The state after one more byte.
    ///
    /// - Throws: `OuroError` with code `invalidRequest` if the work exceeds `limit`, or if a stack gets too deep.
    mutating func next(_ state: Int32, _ byte: UInt8) throws(OuroError) -> Int32 {
        let place = Int(state) << 8 | Int(byte)
        work += 1
        if steps[place] != Self.unknown { return steps[place] }
        var threads: [Thread] = []
        work += states[Int(state)].threads.count / 4
        for thread in states[Int(state)].threads {
            switch program.code[Int(thread.place.address)] {
            case .literal(let first, let count):
                guard program.pool[Int(first + thread.place.count)] == byte else { continue }
                let read = thread.place.count + 1
                let next =
                    read == count
                    ? Place(address: thread.place.address + 1, count: 0)
                    : Place(address: thread.place.address, count: read)
                threads.append(Thread(place: next, stacks: thread.stacks))
            case .branch(let first, let count):
                for edge in program.edges[Int(first)..<Int(first + count)]
                where program.sets[Int(edge.set)].contains(byte) {
                    threads.append(Thread(place: Place(address: edge.target, count: 0), stacks: thread.stacks))
                    break
                }
            default: break
            }
        }
        let next = threads.isEmpty ? Self.dead : try close(threads)
        steps[place] = next
        return next
    }

    /// Runs every parse up to the next instruction that reads a byte.
    private mutating func close(_ threads: [Thread]) throws(OuroError) -> Int32 {
        var state = State()
        var pending = threads
        var seen: [Place: Int32] = [:]
        while let thread = pending.popLast() {
            work += Self.parseWork
            try checkWork()
            let (place, stacks) = (thread.place, thread.stacks)
            if let known = seen[place] {
                let both = try union(known, stacks)
                if both == known { continue }
                seen[place] = both
            } else {
                seen[place] = stacks
            }
            func goOn(_ address: Int32, count: Int32 = 0, _ stacks: Int32) {
                pending.append(Thread(place: Place(address: address, count: count), stacks: stacks))
            }
            switch program.code[Int(place.address)] {
            case .literal, .branch, .fail: break
            case .jump(let target): goOn(target, stacks)
            case .split(let first, let second):
                goOn(second, stacks)
                goOn(first, stacks)
            case .call(let rule): goOn(rule, try push(Frame(address: place.address + 1, count: 0), stacks))
            case .loop(let body, let least, let most):
                if place.count >= least { goOn(place.address + 1, stacks) }
                if most < 0 || place.count < most {
                    let count = most < 0 ? min(place.count + 1, least) : place.count + 1
                    goOn(body, try push(Frame(address: place.address, count: count), stacks))
                }
            case .return:
                for edge in nodes[Int(stacks)].edges { goOn(edge.frame.address, count: edge.frame.count, edge.below) }
            case .accept: state.accepts = true
            }
        }
        for (place, stacks) in seen {
            switch program.code[Int(place.address)] {
            case .literal, .branch: state.threads.append(Thread(place: place, stacks: stacks))
            default: break
            }
        }
        state.threads.sort { $0.place < $1.place }
        return number(of: state)
    }

    private mutating func number(of state: State) -> Int32 {
        if let known = stateNumbers[state] { return known }
        let new = Int32(states.count)
        stateNumbers[state] = new
        states.append(state)
        threadCount += state.threads.count
        steps += repeatElement(Self.unknown, count: 256)
        return new
    }

    private func checkWork() throws(OuroError) {
        guard work <= limit else {
            throw OuroError(
                .invalidRequest, field: "grammar",
                "the text can be read in too many ways: its next tokens take more than \(limit) steps to find; "
                    + "make the grammar or schema less ambiguous")
        }
    }

    // MARK: stacks

    private mutating func push(_ frame: Frame, _ stacks: Int32) throws(OuroError) -> Int32 {
        guard depths[Int(stacks)] < Self.depthLimit else {
            throw OuroError(
                .invalidRequest, field: "grammar",
                "the text is nested deeper than \(Self.depthLimit) levels; limit the nesting by the schema")
        }
        return number(of: Node(edges: [Node.Edge(frame: frame, below: stacks)]))
    }

    /// The stacks of both sets. Its recursion ends at `depthLimit`.
    private mutating func union(_ a: Int32, _ b: Int32) throws(OuroError) -> Int32 {
        if a == b { return a }
        let key = UInt64(UInt32(min(a, b))) << 32 | UInt64(UInt32(max(a, b)))
        if let known = unions[key] { return known }
        work += Self.parseWork
        try checkWork()
        let (left, right) = (nodes[Int(a)].edges, nodes[Int(b)].edges)
        var merged = Node()
        var (i, j) = (0, 0)
        while i < left.count || j < right.count {
            if j == right.count || i < left.count && left[i].frame < right[j].frame {
                merged.edges.append(left[i])
                i += 1
            } else if i == left.count || right[j].frame < left[i].frame {
                merged.edges.append(right[j])
                j += 1
            } else {
                let below = try union(left[i].below, right[j].below)
                merged.edges.append(Node.Edge(frame: left[i].frame, below: below))
                (i, j) = (i + 1, j + 1)
            }
        }
        work += merged.edges.count
        let result = number(of: merged)
        unions[key] = result
        return result
    }

    private mutating func number(of node: Node) -> Int32 {
        if let known = nodeNumbers[node] { return known }
        let new = Int32(nodes.count)
        nodeNumbers[node] = new
        nodes.append(node)
        depths.append((node.edges.map { depths[Int($0.below)] }.max() ?? 0) + 1)
        edgeCount += node.edges.count
        return new
    }
}
