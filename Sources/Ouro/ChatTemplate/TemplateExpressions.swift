// Expressions. The cases are functions of their own so that the recursive path needs little stack.

extension TemplateEvaluator {
    func evaluate(_ expression: TemplateExpression, _ scope: TemplateScope) throws(TemplateFailure) -> TemplateValue {
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

    private func lookUp(_ name: String, _ scope: TemplateScope) -> TemplateValue {
        if let value = scope.value(of: name) { return value }
        if let function = TemplateFunction(rawValue: name) { return .function(function) }
        return .undefined("'\(name)' is undefined")
    }

    private func evaluateOperators(
        _ expression: TemplateExpression, _ scope: TemplateScope
    ) throws(TemplateFailure) -> TemplateValue {
        switch expression.kind {
        case .all(let operands): return try evaluate(operands, stoppingAt: false, scope)
        case .any(let operands): return try evaluate(operands, stoppingAt: true, scope)
        case .arithmetic(let first, let links): return try evaluate(first, arithmetic: links, expression.line, scope)
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
        _ expressions: [TemplateExpression], _ scope: TemplateScope
    ) throws(TemplateFailure) -> [TemplateValue] {
        var values: [TemplateValue] = []
        values.reserveCapacity(expressions.count)
        for expression in expressions { values.append(try evaluate(expression, scope)) }
        return values
    }

    /// Python's `and` and `or`, which return the deciding operand.
    private func evaluate(
        _ operands: [TemplateExpression], stoppingAt truth: Bool, _ scope: TemplateScope
    ) throws(TemplateFailure) -> TemplateValue {
        var value = TemplateValue.none
        for operand in operands {
            value = try evaluate(operand, scope)
            if value.isTrue == truth { return value }
        }
        return value
    }

    private func evaluate(
        _ first: TemplateExpression,
        arithmetic links: [(operation: TemplateExpression.Arithmetic, operand: TemplateExpression)],
        _ line: Int, _ scope: TemplateScope
    ) throws(TemplateFailure) -> TemplateValue {
        var value = try evaluate(first, scope)
        for link in links {
            let operand = try evaluate(link.operand, scope)
            value = try calculate(value, link.operation, operand)
        }
        return value
    }

    private func evaluate(
        _ first: TemplateExpression,
        comparisons links: [(operation: TemplateExpression.Comparison, operand: TemplateExpression)],
        _ scope: TemplateScope
    ) throws(TemplateFailure) -> TemplateValue {
        var left = try evaluate(first, scope)
        for link in links {
            let right = try evaluate(link.operand, scope)
            guard try compare(left, link.operation, right) else { return .bool(false) }
            left = right
        }
        return .bool(true)
    }

    private func evaluateJoined(
        _ operands: [TemplateExpression], _ scope: TemplateScope
    ) throws(TemplateFailure) -> TemplateValue {
        var text = ""
        for operand in operands {
            let value = try evaluate(operand, scope)
            try charge(value.weight)
            text += try value.text()
            guard text.utf8.count <= TemplateLimits.bytes else { throw TemplateLimits.tooLong }
        }
        return try makeText(text)
    }

    private func evaluateDictionary(
        _ items: [(key: TemplateExpression, value: TemplateExpression)], _ scope: TemplateScope
    ) throws(TemplateFailure) -> TemplateValue {
        var dictionary = TemplateDictionary()
        for item in items {
            let key = try evaluate(item.key, scope)
            try charge(key.weight)
            try dictionary.set(evaluate(item.value, scope), for: key)
        }
        return .dict(dictionary)
    }

    // MARK: - After an operand

    private func evaluate(
        _ operand: TemplateExpression, followedBy links: [TemplateExpression.Postfix], _ scope: TemplateScope
    ) throws(TemplateFailure) -> TemplateValue {
        var value = try evaluate(operand, scope)
        for link in links {
            move(to: link.line)
            try charge(1)
            value = try evaluate(link, of: value, scope)
        }
        return value
    }

    private func evaluate(
        _ link: TemplateExpression.Postfix, of value: TemplateValue, _ scope: TemplateScope
    ) throws(TemplateFailure) -> TemplateValue {
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

    private func bound(_ expression: TemplateExpression?, _ scope: TemplateScope) throws(TemplateFailure) -> Int? {
        guard let expression else { return nil }
        let value = try evaluate(expression, scope)
        switch value {
        case .none: return nil
        case .int(let bound): return bound
        case .bool(let flag): return flag ? 1 : 0
        default: throw TemplateFailure("a slice's bound is an integer, found a value of type '\(value.typeName)'")
        }
    }

    func evaluate(
        _ arguments: TemplateExpression.Arguments, _ scope: TemplateScope
    ) throws(TemplateFailure) -> TemplateArguments {
        var result = TemplateArguments(positional: try evaluateAll(arguments.positional, scope))
        for argument in arguments.named {
            result.named.append((argument.name, try evaluate(argument.value, scope)))
        }
        return result
    }

    func apply(
        _ filter: TemplateFilterCall, to value: TemplateValue, _ scope: TemplateScope
    ) throws(TemplateFailure) -> TemplateValue {
        let arguments = try evaluate(filter.arguments, scope)
        move(to: filter.line)
        return try apply(filter.name, to: value, arguments)
    }
}
