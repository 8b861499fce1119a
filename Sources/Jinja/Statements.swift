/// A macro and what it needs to run.
struct DefinedMacro {
    let macro: Statement.Macro
    /// The scope in which its body looks up names.
    let scope: Scope
    /// Whether `{{ }}` in its body escapes text for HTML.
    let autoescapes: Bool
}

// Statements.
extension Interpreter {
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
            guard let name = macro.name else { break }
            scope.values[name] = try define(macro, scope)
        case .scope(let body): return try execute(body, Scope(parent: scope))
        case .leaveLoop: return .leaveLoop
        case .nextIteration: return .nextIteration
        default: return try executeBlock(statement, scope)
        }
        return .normal
    }

    private func executeBlock(_ statement: Statement, _ scope: Scope) throws(TemplateError) -> Flow {
        switch statement {
        case .call(let callee, let arguments, let body, let line):
            try execute(call: callee, arguments, body, line, scope)
        case .filter(let filters, let body):
            let (value, flow) = try capture(body, filters, scope)
            guard flow == .normal else { return flow }
            guard let text = value.text else {
                throw TemplateError(
                    "'{% filter %}' needs a filter that gives text, found a value of type '\(value.typeName)'")
            }
            try write(text)
        case .with(let assignments, let body):
            let inner = Scope(parent: scope)
            for assignment in assignments {
                try assign(evaluate(assignment.value, scope), to: assignment.target, inner)
            }
            return try execute(body, inner)
        case .autoescape(let flag, let body):
            let outer = autoescapes
            autoescapes = try evaluate(flag, scope).isTrue
            defer { autoescapes = outer }
            return try execute(body, Scope(parent: scope))
        case .block(let block): _ = try execute(block, block.isScoped ? scope : globals)
        default: break
        }
        return .normal
    }

    func define(_ macro: Statement.Macro, _ scope: Scope) throws(TemplateError) -> Value {
        try chargeKept()
        macros.append(DefinedMacro(macro: macro, scope: scope, autoescapes: autoescapes))
        return .macro(macros.count - 1)
    }

    private func execute(
        call callee: Expression, _ arguments: Expression.Arguments, _ body: Statement.Macro, _ line: Int, _ scope: Scope
    ) throws(TemplateError) {
        let callee = try evaluate(callee, scope)
        var given = try evaluate(arguments, scope)
        guard !given.named.contains(where: { $0.name == "caller" }) else {
            throw TemplateError("'{% call %}' gives the argument 'caller' itself")
        }
        given.named.append(("caller", try define(body, scope)))
        move(to: line)
        let value = try call(callee, given)
        guard let text = value.text else {
            throw TemplateError("'{% call %}' needs a call that gives text, found a value of type '\(value.typeName)'")
        }
        try write(text)
    }

    func execute(_ block: Statement.Block, _ scope: Scope) throws(TemplateError) -> Flow {
        guard !block.isRequired else {
            throw TemplateError("the block '\(block.name)' is required, and nothing fills it")
        }
        return try execute(block.body, Scope(parent: scope))
    }

    private func write(expression: Expression, _ scope: Scope) throws(TemplateError) {
        let value = try evaluate(expression, scope)
        try charge(value.weight)
        let text = try str(value)
        try write(autoescapes && !value.isMarkup ? Text.escaped(text, limits) : text)
    }

    private func execute(
        setBlock body: [Statement], _ target: Statement.Target, _ filters: [FilterCall],
        _ line: Int, _ scope: Scope
    ) throws(TemplateError) -> Flow {
        let (value, flow) = try capture(body, filters, scope)
        guard flow == .normal else { return flow }
        move(to: line)
        try assign(autoescapes ? .markup(str(value)) : value, to: target, scope)
        return .normal
    }

    /// Runs a body in a scope of its own, and applies filters to what it wrote.
    private func capture(
        _ body: [Statement], _ filters: [FilterCall], _ scope: Scope
    ) throws(TemplateError) -> (value: Value, flow: Flow) {
        let inner = Scope(parent: scope)
        let (text, flow) = try capture { () throws(TemplateError) in try execute(body, inner) }
        var value = try makeText(text, isMarkup: autoescapes)
        guard flow == .normal else { return (value, flow) }
        for filter in filters { value = try apply(filter, to: value, inner) }
        return (value, .normal)
    }

    /// Finds the blocks of a template, wherever they stand.
    func collectBlocks(_ statements: [Statement]) {
        for statement in statements {
            switch statement {
            case .choice(let branches, let otherwise):
                for branch in branches { collectBlocks(branch.body) }
                collectBlocks(otherwise)
            case .loop(let loop):
                collectBlocks(loop.body)
                collectBlocks(loop.otherwise)
            case .block(let block):
                blocks[block.name] = block
                collectBlocks(block.body)
            case .macro(let macro), .call(_, _, let macro, _): collectBlocks(macro.body)
            case .setBlock(_, _, let body, _), .filter(_, let body), .with(_, let body), .autoescape(_, let body),
                .scope(let body):
                collectBlocks(body)
            case .text, .output, .set, .leaveLoop, .nextIteration: break
            }
        }
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
            namespaces[number][name] = value
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
        case .string(let text), .markup(let text):
            try charge(text.utf8.count)
            return text.unicodeScalars.map { .string(String($0)) }
        case .undefined: return []
        default: throw TemplateError("a value of type '\(value.typeName)' cannot be iterated over")
        }
    }
}
