import Foundation

/// The variables of a block, a loop's iteration or a macro call.
final class TemplateScope {
    var values: [String: TemplateValue]
    let parent: TemplateScope?

    init(values: [String: TemplateValue] = [:], parent: TemplateScope? = nil) {
        self.values = values
        self.parent = parent
    }

    func value(of name: String) -> TemplateValue? {
        var scope: TemplateScope? = self
        while let current = scope {
            if let value = current.values[name] { return value }
            scope = current.parent
        }
        return nil
    }
}

/// Runs a template once. Everything it does is counted against `TemplateLimits`.
final class TemplateEvaluator {
    /// Where a running loop stands; `loop` in a template is an index into the list of these.
    struct LoopState {
        let items: [TemplateValue]
        var index = 0
    }

    enum Flow {
        case normal, leaveLoop, nextIteration
    }

    /// The line being run, for errors.
    private(set) var line = 1
    let now: Date
    var loops: [LoopState] = []
    var namespaces: [[String: TemplateValue]] = []
    var macros: [(macro: TemplateStatement.Macro, scope: TemplateScope)] = []
    private var output = ""
    private var steps = 0
    private var depth = 0

    init(now: Date) { self.now = now }

    func run(
        _ statements: [TemplateStatement], context: [String: TemplateValue]
    ) throws(TemplateFailure) -> String {
        _ = try execute(statements, TemplateScope(values: context))
        return output
    }

    // MARK: - Bounds

    /// Counts work; an error when there was too much.
    func charge(_ amount: Int) throws(TemplateFailure) {
        let (sum, overflow) = steps.addingReportingOverflow(amount)
        guard !overflow, sum <= TemplateLimits.steps else { throw TemplateLimits.tooManySteps }
        steps = sum
    }

    func enter(line: Int?) throws(TemplateFailure) {
        depth += 1
        guard depth <= TemplateLimits.runningDepth else { throw TemplateLimits.tooDeepRun }
        if let line { self.line = line }
        try charge(1)
    }

    func leave() { depth -= 1 }

    func move(to line: Int) { self.line = line }

    /// Makes a string value; an error if it is too long.
    func makeText(_ text: String) throws(TemplateFailure) -> TemplateValue {
        let size = text.utf8.count
        guard size <= TemplateLimits.bytes else { throw TemplateLimits.tooLong }
        try charge(size / 256)
        return .string(text)
    }

    /// Makes a list value; an error if it is too long.
    func makeList(_ elements: [TemplateValue]) throws(TemplateFailure) -> TemplateValue {
        try charge(elements.count)
        return try .makeList(elements)
    }

    private func write(_ text: String) throws(TemplateFailure) {
        let size = text.utf8.count
        guard output.utf8.count + size <= TemplateLimits.bytes else { throw TemplateLimits.tooLong }
        try charge(1 + size / 256)
        output += text
    }

    /// Runs something and returns what it wrote.
    func capture(_ body: () throws(TemplateFailure) -> Flow) throws(TemplateFailure) -> (text: String, flow: Flow) {
        let outer = output
        output = ""
        let flow = try body()
        let text = output
        output = outer
        return (text, flow)
    }

    // MARK: - Statements

    func execute(_ statements: [TemplateStatement], _ scope: TemplateScope) throws(TemplateFailure) -> Flow {
        try enter(line: nil)
        defer { leave() }
        for statement in statements {
            let flow = try execute(statement, scope)
            guard flow == .normal else { return flow }
        }
        return .normal
    }

    private func execute(_ statement: TemplateStatement, _ scope: TemplateScope) throws(TemplateFailure) -> Flow {
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
        case .scope(let body): return try execute(body, TemplateScope(parent: scope))
        case .leaveLoop: return .leaveLoop
        case .nextIteration: return .nextIteration
        }
        return .normal
    }

    private func write(expression: TemplateExpression, _ scope: TemplateScope) throws(TemplateFailure) {
        let value = try evaluate(expression, scope)
        try charge(value.weight)
        try write(value.text())
    }

    private func execute(
        setBlock body: [TemplateStatement], _ target: TemplateStatement.Target, _ filters: [TemplateFilterCall],
        _ line: Int, _ scope: TemplateScope
    ) throws(TemplateFailure) -> Flow {
        let inner = TemplateScope(parent: scope)
        let (text, flow) = try capture { () throws(TemplateFailure) in try execute(body, inner) }
        guard flow == .normal else { return flow }
        var value = try makeText(text)
        for filter in filters { value = try apply(filter, to: value, scope) }
        move(to: line)
        try assign(value, to: target, scope)
        return .normal
    }

    private func execute(_ loop: TemplateStatement.Loop, _ scope: TemplateScope) throws(TemplateFailure) -> Flow {
        var items = try elements(of: evaluate(loop.sequence, scope))
        if let condition = loop.condition {
            var kept: [TemplateValue] = []
            for item in items {
                let inner = TemplateScope(parent: scope)
                try assign(item, to: loop.target, inner)
                if try evaluate(condition, inner).isTrue { kept.append(item) }
            }
            items = kept
        }
        guard !items.isEmpty else { return try execute(loop.otherwise, TemplateScope(parent: scope)) }
        let number = loops.count
        loops.append(LoopState(items: items))
        defer { loops.removeLast() }
        for (index, item) in items.enumerated() {
            loops[number].index = index
            let inner = TemplateScope(values: ["loop": .loop(number)], parent: scope)
            try assign(item, to: loop.target, inner)
            if try execute(loop.body, inner) == .leaveLoop { break }
        }
        return .normal
    }

    func assign(
        _ value: TemplateValue, to target: TemplateStatement.Target, _ scope: TemplateScope
    ) throws(TemplateFailure) {
        switch target {
        case .name(let name): scope.values[name] = value
        case .member(let owner, let name):
            guard case .namespace(let number)? = scope.value(of: owner), namespaces.indices.contains(number) else {
                throw TemplateFailure("cannot assign to '\(owner).\(name)': '\(owner)' is not a namespace")
            }
            namespaces[number][name] = value
        case .tuple(let targets):
            let values = try elements(of: value)
            guard values.count == targets.count else {
                throw TemplateFailure("cannot assign \(values.count) values to \(targets.count) names")
            }
            for (target, value) in zip(targets, values) { try assign(value, to: target, scope) }
        }
    }

    /// What iterating over a value yields.
    func elements(of value: TemplateValue) throws(TemplateFailure) -> [TemplateValue] {
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
        default: throw TemplateFailure("a value of type '\(value.typeName)' cannot be iterated over")
        }
    }
}
