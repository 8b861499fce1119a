/// The variables of a block, of one iteration of a loop, or of a macro call.
final class Scope {
    var values: [String: Value]
    /// The scope around this one, in which a name is looked up next.
    let parent: Scope?

    init(values: [String: Value] = [:], parent: Scope? = nil) {
        self.values = values
        self.parent = parent
    }

    func value(of name: String) -> Value? {
        var scope: Scope? = self
        while let current = scope {
            if let value = current.values[name] { return value }
            scope = current.parent
        }
        return nil
    }
}

/// Runs a template once.
///
/// Values that refer to something of the running template (a loop, a namespace, a macro) are indices into the arrays of
/// this class. So a value can never contain itself, and nothing outlives the run. All work is counted against
/// ``Limits``.
final class Interpreter {
    /// Where a running loop stands: what `loop` refers to.
    struct LoopState {
        let items: [Value]
        var index = 0
    }

    /// How a block ended.
    enum Flow {
        case normal, leaveLoop, nextIteration
    }

    let limits: Limits
    /// The line that runs, for errors.
    private(set) var line = 1
    /// The time of the run; nil until the template asks for it.
    private var time: LocalTime?
    /// The loops that run, outermost first.
    var loops: [LoopState] = []
    var namespaces: [[ExactString: Value]] = []
    /// The macros defined so far, each with the scope in which its body looks up names.
    var macros: [(macro: Statement.Macro, scope: Scope)] = []
    private var output: LimitedText
    private(set) var steps = 0
    private var depth = 0

    /// - Parameter now: The time of the run; nil for that of the system's clock.
    init(limits: Limits, now: LocalTime? = nil) {
        self.limits = limits
        time = now
        output = LimitedText(limits)
    }

    func run(
        _ statements: [Statement], context: [String: Value]
    ) throws(TemplateError) -> String {
        // Swift's String takes some letters outside of ASCII for ASCII ones, as the Kelvin sign for K. No template can
        // name such a variable, so it must not answer to the name of another.
        let reachable = context.filter { $0.key.utf8.allSatisfy { $0 < 0x80 } }
        _ = try execute(statements, Scope(values: reachable))
        return output.text
    }

    /// The time of the run, the same whenever it is asked for.
    func now() -> LocalTime {
        let now = time ?? .current()
        time = now
        return now
    }

    // MARK: - Limits

    /// Counts work; an error if there was too much.
    func charge(_ amount: Int) throws(TemplateError) {
        let (sum, overflow) = steps.addingReportingOverflow(amount)
        guard !overflow, sum <= limits.steps else { throw limits.tooManySteps }
        steps = sum
    }

    /// Begins an expression, a block or a call; an error if they nest too deeply. ``leave()`` ends it.
    func enter(line: Int?) throws(TemplateError) {
        depth += 1
        guard depth <= Limits.runningDepth else { throw Limits.tooDeepRun }
        if let line { self.line = line }
        try charge(1)
    }

    func leave() { depth -= 1 }

    func move(to line: Int) { self.line = line }

    /// Makes a string value; an error if it is too long.
    func makeText(_ text: String) throws(TemplateError) -> Value {
        let size = text.utf8.count
        guard size <= limits.textBytes else { throw limits.tooLong }
        try charge(size / 256)
        return .string(text)
    }

    /// Makes a list value; an error if it is too long.
    func makeList(_ elements: [Value]) throws(TemplateError) -> Value {
        try charge(elements.count)
        return try .makeList(elements)
    }

    private func write(_ text: String) throws(TemplateError) {
        try charge(1 + text.utf8.count / 256)
        try output.append(text)
    }

    /// Runs a body and returns what it wrote, which then is no part of the output.
    func capture(_ body: () throws(TemplateError) -> Flow) throws(TemplateError) -> (text: String, flow: Flow) {
        let outer = output
        output = LimitedText(limits)
        let flow = try body()
        let text = output.text
        output = outer
        return (text, flow)
    }

    // MARK: - Statements

    func execute(_ statements: [Statement], _ scope: Scope) throws(TemplateError) -> Flow {
        try enter(line: nil)
        defer { leave() }
        for statement in statements {
            let flow = try execute(statement, scope)
            guard flow == .normal else { return flow }
        }
        return .normal
    }

    private func execute(_ statement: Statement, _ scope: Scope) throws(TemplateError) -> Flow {
        try charge(1)
        switch statement {
        case .text(let text): try write(text)
        case .output(let expression): try write(expression: expression, scope)
        case .choice(let branches, let otherwise):
            for branch in branches where try evaluate(branch.condition, scope).isTrue {
                return try execute(branch.body, scope)
            }
            return try execute(otherwise, scope)
        case .loop(let loop): return try execute(loop, scope)
        case .set(let target, let expression): try assign(evaluate(expression, scope), to: target, scope)
        case .setBlock(let target, let filters, let body, let line):
            return try execute(setBlock: body, target, filters, line, scope)
        case .macro(let macro):
            macros.append((macro, scope))
            scope.values[macro.name] = .macro(macros.count - 1)
        case .scope(let body): return try execute(body, Scope(parent: scope))
        case .leaveLoop: return .leaveLoop
        case .nextIteration: return .nextIteration
        }
        return .normal
    }

    private func write(expression: Expression, _ scope: Scope) throws(TemplateError) {
        let value = try evaluate(expression, scope)
        try charge(value.weight)
        try write(str(value))
    }

    private func execute(
        setBlock body: [Statement], _ target: Statement.Target, _ filters: [FilterCall],
        _ line: Int, _ scope: Scope
    ) throws(TemplateError) -> Flow {
        let inner = Scope(parent: scope)
        let (text, flow) = try capture { () throws(TemplateError) in try execute(body, inner) }
        guard flow == .normal else { return flow }
        var value = try makeText(text)
        for filter in filters { value = try apply(filter, to: value, scope) }
        move(to: line)
        try assign(value, to: target, scope)
        return .normal
    }

    private func execute(_ loop: Statement.Loop, _ scope: Scope) throws(TemplateError) -> Flow {
        var items = try elements(of: evaluate(loop.sequence, scope))
        if let condition = loop.condition {
            var kept: [Value] = []
            for item in items {
                let inner = Scope(parent: scope)
                try assign(item, to: loop.target, inner)
                if try evaluate(condition, inner).isTrue { kept.append(item) }
            }
            items = kept
        }
        guard !items.isEmpty else { return try execute(loop.otherwise, Scope(parent: scope)) }
        let number = loops.count
        loops.append(LoopState(items: items))
        defer { loops.removeLast() }
        for (index, item) in items.enumerated() {
            loops[number].index = index
            let inner = Scope(values: ["loop": .loop(number)], parent: scope)
            try assign(item, to: loop.target, inner)
            if try execute(loop.body, inner) == .leaveLoop { break }
        }
        return .normal
    }

    func assign(
        _ value: Value, to target: Statement.Target, _ scope: Scope
    ) throws(TemplateError) {
        switch target {
        case .name(let name): scope.values[name] = value
        case .member(let owner, let name):
            guard case .namespace(let number)? = scope.value(of: owner), namespaces.indices.contains(number) else {
                throw TemplateError("cannot assign to '\(owner).\(name)': '\(owner)' is not a namespace")
            }
            namespaces[number][ExactString(name)] = value
        case .tuple(let targets):
            let values = try elements(of: value)
            guard values.count == targets.count else {
                throw TemplateError("cannot assign \(values.count) values to \(targets.count) names")
            }
            for (target, value) in zip(targets, values) { try assign(value, to: target, scope) }
        }
    }

    /// What iteration over a value yields: elements, keys or characters.
    func elements(of value: Value) throws(TemplateError) -> [Value] {
        switch value {
        case .list(let items), .tuple(let items):
            try charge(items.elements.count)
            return items.elements
        case .dict(let members):
            try charge(members.entries.count)
            return members.keys
        case .string(let text):
            try charge(text.utf8.count)
            return text.unicodeScalars.map { .string(String($0)) }
        case .undefined: return []
        default: throw TemplateError("a value of type '\(value.typeName)' cannot be iterated over")
        }
    }
}

// Expressions. Each kind has a function of its own, so that the recursive function needs little stack.
extension Interpreter {
    func evaluate(_ expression: Expression, _ scope: Scope) throws(TemplateError) -> Value {
        try enter(line: expression.line)
        defer { leave() }
        switch expression.kind {
        case .literal(let value): return value
        case .name(let name): return lookUp(name, scope)
        case .postfix(let operand, let links): return try evaluate(operand, followedBy: links, scope)
        case .conditional(let condition, let then, let otherwise):
            if try evaluate(condition, scope).isTrue { return try evaluate(then, scope) }
            guard let otherwise else { return .undefined("the condition is false and there is no 'else'") }
            return try evaluate(otherwise, scope)
        case .not(let operand): return .bool(try !evaluate(operand, scope).isTrue)
        default: return try evaluateOperators(expression, scope)
        }
    }

    private func lookUp(_ name: String, _ scope: Scope) -> Value {
        if let value = scope.value(of: name) { return value }
        if let function = Function(rawValue: name) { return .function(function) }
        return .undefined("'\(name)' is undefined")
    }

    private func evaluateOperators(
        _ expression: Expression, _ scope: Scope
    ) throws(TemplateError) -> Value {
        switch expression.kind {
        case .all(let operands): return try evaluate(operands, stoppingAt: false, scope)
        case .any(let operands): return try evaluate(operands, stoppingAt: true, scope)
        case .arithmetic(let first, let links): return try evaluate(first, arithmetic: links, scope)
        case .comparison(let first, let links): return try evaluate(first, comparisons: links, scope)
        case .joined(let operands): return try evaluateJoined(operands, scope)
        case .negative(let operand): return try negate(evaluate(operand, scope))
        case .positive(let operand): return try keepSign(evaluate(operand, scope))
        case .list(let items): return try makeList(evaluateAll(items, scope))
        case .tuple(let items): return try .makeTuple(evaluateAll(items, scope))
        case .dict(let items): return try evaluateDictionary(items, scope)
        default: return .none
        }
    }

    func evaluateAll(
        _ expressions: [Expression], _ scope: Scope
    ) throws(TemplateError) -> [Value] {
        var values: [Value] = []
        values.reserveCapacity(expressions.count)
        for expression in expressions { values.append(try evaluate(expression, scope)) }
        return values
    }

    /// Python's `and` and `or`: the value of the operand that decides.
    private func evaluate(
        _ operands: [Expression], stoppingAt truth: Bool, _ scope: Scope
    ) throws(TemplateError) -> Value {
        var value = Value.none
        for operand in operands {
            value = try evaluate(operand, scope)
            if value.isTrue == truth { return value }
        }
        return value
    }

    private func evaluate(
        _ first: Expression,
        arithmetic links: [(operation: Expression.Arithmetic, operand: Expression)],
        _ scope: Scope
    ) throws(TemplateError) -> Value {
        var value = try evaluate(first, scope)
        for link in links {
            let operand = try evaluate(link.operand, scope)
            value = try calculate(value, link.operation, operand)
        }
        return value
    }

    private func evaluate(
        _ first: Expression,
        comparisons links: [(operation: Expression.Comparison, operand: Expression)],
        _ scope: Scope
    ) throws(TemplateError) -> Value {
        var left = try evaluate(first, scope)
        for link in links {
            let right = try evaluate(link.operand, scope)
            guard try compare(left, link.operation, right) else { return .bool(false) }
            left = right
        }
        return .bool(true)
    }

    private func evaluateJoined(
        _ operands: [Expression], _ scope: Scope
    ) throws(TemplateError) -> Value {
        var result = LimitedText(limits)
        for operand in operands {
            let value = try evaluate(operand, scope)
            try charge(value.weight)
            try result.append(str(value))
        }
        return try makeText(result.text)
    }

    private func evaluateDictionary(
        _ items: [(key: Expression, value: Expression)], _ scope: Scope
    ) throws(TemplateError) -> Value {
        var dictionary = Mapping()
        for item in items {
            let key = try evaluate(item.key, scope)
            try charge(key.weight)
            try dictionary.set(evaluate(item.value, scope), for: key)
        }
        return .dict(dictionary)
    }

    // MARK: - What follows an operand

    private func evaluate(
        _ operand: Expression, followedBy links: [Expression.Postfix], _ scope: Scope
    ) throws(TemplateError) -> Value {
        var value = try evaluate(operand, scope)
        for link in links {
            move(to: link.line)
            try charge(1)
            value = try evaluate(link, of: value, scope)
        }
        return value
    }

    private func evaluate(
        _ link: Expression.Postfix, of value: Value, _ scope: Scope
    ) throws(TemplateError) -> Value {
        switch link.kind {
        case .attribute(let name): return try attribute(name, of: value)
        case .item(let index): return try item(evaluate(index, scope), of: value)
        case .slice(let start, let stop, let step):
            return try slice(value, bound(start, scope), bound(stop, scope), bound(step, scope))
        case .call(let arguments): return try call(value, evaluate(arguments, scope))
        case .filter(let filter): return try apply(filter, to: value, scope)
        case .test(let name, let arguments, let isNegated):
            return .bool(try test(value, name, evaluate(arguments, scope)) != isNegated)
        }
    }

    private func bound(_ expression: Expression?, _ scope: Scope) throws(TemplateError) -> Int? {
        guard let expression else { return nil }
        let value = try evaluate(expression, scope)
        switch value {
        case .none: return nil
        case .int(let bound): return bound
        case .bool(let flag): return flag ? 1 : 0
        default: throw TemplateError("a slice's bound is an integer, found a value of type '\(value.typeName)'")
        }
    }

    func evaluate(
        _ arguments: Expression.Arguments, _ scope: Scope
    ) throws(TemplateError) -> Arguments {
        var result = Arguments(positional: try evaluateAll(arguments.positional, scope))
        for argument in arguments.named {
            result.named.append((argument.name, try evaluate(argument.value, scope)))
        }
        return result
    }

    func apply(
        _ filter: FilterCall, to value: Value, _ scope: Scope
    ) throws(TemplateError) -> Value {
        let arguments = try evaluate(filter.arguments, scope)
        move(to: filter.line)
        return try apply(filter.name, to: value, arguments)
    }
}
