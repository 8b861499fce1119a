/// Where a running loop stands: what `loop` refers to.
///
/// The items that a condition keeps are found one by one, when an iteration or a member such as `loop.last` needs them.
final class LoopState {
    let loop: Statement.Loop
    /// The scope around the loop.
    let scope: Scope
    let items: [Value]
    /// How many loops of the same recursion are around this one.
    let depth0: Int
    /// The position of the next item to look at.
    fileprivate var position = 0
    /// Items that were found before their iteration, and how many of them have been used.
    private var ahead: [Value] = []
    private var usedCount = 0
    fileprivate(set) var index = -1
    fileprivate(set) var previous: Value?
    private(set) var current: Value?
    /// The arguments of the last call of `loop.changed` with others than before.
    fileprivate var lastChanged: [Value]?

    init(_ loop: Statement.Loop, items: [Value], scope: Scope, depth0: Int) {
        self.loop = loop
        self.items = items
        self.scope = scope
        self.depth0 = depth0
    }

    /// The next of the items that were found early.
    fileprivate var nextAhead: Value? { usedCount < ahead.count ? ahead[usedCount] : nil }
    fileprivate var aheadCount: Int { ahead.count - usedCount }

    fileprivate func appendAhead(_ item: Value) {
        if usedCount == ahead.count { (ahead, usedCount) = ([], 0) }
        ahead.append(item)
    }

    fileprivate func takeAhead() -> Value? {
        guard let item = nextAhead else { return nil }
        usedCount += 1
        return item
    }

    fileprivate func begin(_ item: Value) {
        index += 1
        previous = current
        current = item
    }
}

extension Interpreter {
    func execute(_ loop: Statement.Loop, _ scope: Scope) throws(TemplateError) -> Flow {
        let items = try elements(of: evaluate(loop.sequence, scope))
        return try run(loop, over: items, scope, depth0: 0)
    }

    private func run(
        _ loop: Statement.Loop, over items: [Value], _ scope: Scope, depth0: Int
    ) throws(TemplateError) -> Flow {
        let state = LoopState(loop, items: items, scope: scope, depth0: depth0)
        let number = loopCount
        loopCount += 1
        loops[number] = state
        defer { loops[number] = nil }
        // As in Jinja, an iteration that `break` or `continue` leaves does not keep `else` from running.
        var isDone = false
        while let item = try nextItem(of: state) {
            state.begin(item)
            let inner = Scope(parent: scope)
            if loop.usesLoop { inner.values["loop"] = .loop(number) }
            try assign(item, to: loop.target, inner)
            let flow = try execute(loop.body, inner)
            if flow == .leaveLoop { break }
            if flow == .normal { isDone = true }
        }
        return !isDone ? try execute(loop.otherwise, Scope(parent: scope)) : .normal
    }

    private func nextItem(of state: LoopState) throws(TemplateError) -> Value? {
        if let item = state.takeAhead() { return item }
        return try findItem(of: state)
    }

    /// The next item that the loop's condition keeps.
    private func findItem(of state: LoopState) throws(TemplateError) -> Value? {
        while state.position < state.items.count {
            let item = state.items[state.position]
            state.position += 1
            guard let condition = state.loop.condition else { return item }
            let inner = Scope(parent: state.scope)
            try assign(item, to: state.loop.target, inner)
            if try evaluate(condition, inner).isTrue { return item }
        }
        return nil
    }

    /// The item after the current one, which stays the next one.
    private func peekItem(of state: LoopState) throws(TemplateError) -> Value? {
        if state.aheadCount == 0, let item = try findItem(of: state) { state.appendAhead(item) }
        return state.nextAhead
    }

    /// The number of iterations. With a condition this looks at all items.
    func length(of state: LoopState) throws(TemplateError) -> Int {
        guard state.loop.condition != nil else { return state.items.count }
        while let item = try findItem(of: state) { state.appendAhead(item) }
        return state.index + 1 + state.aheadCount
    }

    func state(ofLoop number: Int) throws(TemplateError) -> LoopState {
        guard let state = loops[number] else { throw TemplateError("this loop has ended") }
        return state
    }

    /// A member of `loop`; nil if there is none of this name.
    func loopAttribute(_ name: ExactString, _ number: Int) throws(TemplateError) -> Value? {
        let state = try state(ofLoop: number)
        switch name {
        case "index": return .int(state.index + 1)
        case "index0": return .int(state.index)
        case "revindex": return .int(try length(of: state) - state.index)
        case "revindex0": return .int(try length(of: state) - state.index - 1)
        case "first": return .bool(state.index == 0)
        case "last": return .bool(try peekItem(of: state) == nil)
        case "length": return .int(try length(of: state))
        case "depth": return .int(state.depth0 + 1)
        case "depth0": return .int(state.depth0)
        case "previtem":
            guard state.index > 0, let previous = state.previous else {
                return .undefined("there is no previous item")
            }
            return previous
        case "nextitem": return try peekItem(of: state) ?? .undefined("there is no next item")
        case "cycle", "changed": return .method(receiver: .loop(number), name: name)
        default: return nil
        }
    }

    /// `loop.cycle(...)` and `loop.changed(...)`
    func callLoopMethod(
        _ name: ExactString, ofLoop number: Int, _ arguments: Arguments
    ) throws(TemplateError) -> Value {
        let state = try state(ofLoop: number)
        guard arguments.named.isEmpty else { throw TemplateError("'\(name)' takes no named arguments") }
        let values = arguments.positional
        if name == "cycle" {
            guard !values.isEmpty else { throw TemplateError("'cycle' needs something to choose from") }
            return values[state.index % values.count]
        }
        for value in values { try charge(value.weight) }
        if let last = state.lastChanged, last.count == values.count, zip(last, values).allSatisfy({ $0.equals($1) }) {
            return .bool(false)
        }
        state.lastChanged = values
        return .bool(true)
    }

    /// `loop(items)`: runs the body of a recursive loop for other items, and returns what it wrote.
    func callLoop(_ number: Int, _ arguments: Arguments) throws(TemplateError) -> Value {
        let state = try state(ofLoop: number)
        guard state.loop.isRecursive else {
            throw TemplateError("the loop needs the word 'recursive' to be called")
        }
        let items = try elements(of: arguments.bind("iterable", required: 1, for: "loop")["iterable"] ?? .none)
        let (text, _) = try capture { () throws(TemplateError) in
            try run(state.loop, over: items, state.scope, depth0: state.depth0 + 1)
        }
        return try makeText(text, isMarkup: autoescapes)
    }
}
