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

    private func lookUp(_ name: ExactString, _ scope: Scope) -> Value {
        if let value = scope.value(of: name) { return value }
        if let function = Function(rawValue: name.text) { return .function(function) }
        if name == "self" { return .template }
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
        var values: [Value] = []
        for operand in operands { values.append(try evaluate(operand, scope)) }
        // Within `{% autoescape true %}` one part that is safe in HTML makes the whole safe.
        let isMarkup = autoescapes && values.contains(where: \.isMarkup)
        var result = LimitedText(limits)
        for value in values {
            try charge(value.weight)
            let text = try str(value)
            try result.append(isMarkup && !value.isMarkup ? Text.escaped(text, limits) : text)
        }
        return try makeText(result.text, isMarkup: isMarkup)
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
        if let spread = arguments.spread { result.positional += try elements(of: evaluate(spread, scope)) }
        for argument in arguments.named {
            result.named.append((argument.name, try evaluate(argument.value, scope)))
        }
        guard let spread = arguments.spreadNamed else { return result }
        let value = try evaluate(spread, scope)
        guard case .dict(let members) = value else {
            throw TemplateError("an argument after '**' is a dictionary, found a value of type '\(value.typeName)'")
        }
        try charge(members.entries.count)
        let names = Set(result.named.map(\.name))
        for entry in members.entries {
            guard let text = entry.key.text else {
                throw TemplateError(
                    "the name of an argument is a string, found a value of type '\(entry.key.typeName)'")
            }
            guard !names.contains(ExactString(text)) else {
                throw TemplateError("the argument '\(text.prefix(80))' is given twice")
            }
            result.named.append((ExactString(text), entry.value))
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
