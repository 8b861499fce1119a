// Expressions. Each level of precedence is one function, which calls the next higher one. From the lowest: conditional,
// `or`, `and`, `not`, comparison, `+ -`, `~`, `* / // %`, `**`, sign, and last what follows an operand.

extension Parser {
    /// Reads one expression, or a tuple: several expressions with commas between them.
    mutating func parseTuple(
        allowsConditional: Bool = true, isBracketed: Bool = false, until end: ExactString? = nil
    ) throws(TemplateError) -> Expression {
        let start = line
        var items: [Expression] = []
        var isTuple = false
        while !endsTuple(end) {
            items.append(try allowsConditional ? parseExpression() : parseOr())
            guard skip(.symbol(",")) else { break }
            isTuple = true
        }
        if !isTuple {
            if let item = items.first { return item }
            guard isBracketed else { throw unexpected("an expression") }
        }
        return Expression(kind: .tuple(items), line: start)
    }

    private func endsTuple(_ end: ExactString?) -> Bool {
        if let end, current.kind == .name(end) { return true }
        return switch current.kind {
        case .outputEnd, .blockEnd, .symbol(")"), .end: true
        default: false
        }
    }

    mutating func parseExpression() throws(TemplateError) -> Expression {
        expressionDepth += 1
        defer { expressionDepth -= 1 }
        guard expressionDepth <= Limits.expressionDepth else { throw Limits.tooDeepExpression }
        let start = line
        let unknownCount = unknownNames.count
        var value = try parseOr()
        var conditions = 0
        while skip(.name("if")) {
            conditions += 1
            guard conditions <= Limits.expressionDepth else { throw Limits.tooDeepExpression }
            let condition = try parseOr()
            let otherwise = skip(.name("else")) ? try parseExpression() : nil
            value = Expression(
                kind: .conditional(condition: condition, then: value, otherwise: otherwise), line: start)
            unknownNames.removeLast(unknownNames.count - unknownCount)
        }
        return value
    }

    mutating func parseOr() throws(TemplateError) -> Expression {
        let start = line
        let first = try parseAnd()
        guard current.kind == .name("or") else { return first }
        var operands = [first]
        while skip(.name("or")) { operands.append(try parseAnd()) }
        return Expression(kind: .any(operands), line: start)
    }

    private mutating func parseAnd() throws(TemplateError) -> Expression {
        let start = line
        let first = try parseNot()
        guard current.kind == .name("and") else { return first }
        var operands = [first]
        while skip(.name("and")) { operands.append(try parseNot()) }
        return Expression(kind: .all(operands), line: start)
    }

    private mutating func parseNot() throws(TemplateError) -> Expression {
        let start = line
        var negations = 0
        while skip(.name("not")) { negations += 1 }
        let operand = try parseComparison()
        guard negations > 0 else { return operand }
        let once = Expression(kind: .not(operand), line: start)
        return negations % 2 == 1 ? once : Expression(kind: .not(once), line: start)
    }

    private mutating func parseComparison() throws(TemplateError) -> Expression {
        let start = line
        let first = try parseSum()
        var links: [(operation: Expression.Comparison, operand: Expression)] = []
        while true {
            if case .symbol(let symbol) = current.kind, let comparison = Expression.Comparison(rawValue: symbol.text) {
                advance()
                links.append((comparison, try parseSum()))
            } else if skip(.name("in")) {
                links.append((.isIn, try parseSum()))
            } else if current.kind == .name("not"), next.kind == .name("in") {
                advance()
                advance()
                links.append((.isNotIn, try parseSum()))
            } else {
                return links.isEmpty ? first : Expression(kind: .comparison(first, links), line: start)
            }
        }
    }

    private typealias Links = [(operation: Expression.Arithmetic, operand: Expression)]

    /// Moves past the current token if it is one of these operators.
    private mutating func skipOperator(
        _ operators: Expression.Arithmetic...
    ) -> Expression.Arithmetic? {
        guard case .symbol(let symbol) = current.kind,
            let found = Expression.Arithmetic(rawValue: symbol.text), operators.contains(found)
        else { return nil }
        advance()
        return found
    }

    private mutating func parseSum() throws(TemplateError) -> Expression {
        let start = line
        let first = try parseJoined()
        var links: Links = []
        while let found = skipOperator(.add, .subtract) { links.append((found, try parseJoined())) }
        return links.isEmpty ? first : Expression(kind: .arithmetic(first, links), line: start)
    }

    private mutating func parseJoined() throws(TemplateError) -> Expression {
        let start = line
        let first = try parseProduct()
        guard current.kind == .symbol("~") else { return first }
        var operands = [first]
        while skip(.symbol("~")) { operands.append(try parseProduct()) }
        return Expression(kind: .joined(operands), line: start)
    }

    private mutating func parseProduct() throws(TemplateError) -> Expression {
        let start = line
        let first = try parsePower()
        var links: Links = []
        while let found = skipOperator(.multiply, .divide, .floorDivide, .remainder) {
            links.append((found, try parsePower()))
        }
        return links.isEmpty ? first : Expression(kind: .arithmetic(first, links), line: start)
    }

    private mutating func parsePower() throws(TemplateError) -> Expression {
        let start = line
        let first = try parseSigned(withFilters: true)
        var links: Links = []
        while let found = skipOperator(.power) { links.append((found, try parseSigned(withFilters: true))) }
        return links.isEmpty ? first : Expression(kind: .arithmetic(first, links), line: start)
    }

    private mutating func parseSigned(withFilters: Bool) throws(TemplateError) -> Expression {
        expressionDepth += 1
        defer { expressionDepth -= 1 }
        guard expressionDepth <= Limits.expressionDepth else { throw Limits.tooDeepExpression }
        let start = line
        let operand: Expression
        if skip(.symbol("-")) {
            operand = Expression(kind: .negative(try parseSigned(withFilters: false)), line: start)
        } else if skip(.symbol("+")) {
            operand = Expression(kind: .positive(try parseSigned(withFilters: false)), line: start)
        } else {
            operand = try parsePrimary()
        }
        return try parsePostfix(of: operand, withFilters: withFilters)
    }

    mutating func parsePrimary() throws(TemplateError) -> Expression {
        let start = current
        advance()
        func literal(_ value: Value) -> Expression {
            Expression(kind: .literal(value), line: start.line)
        }
        switch start.kind {
        case .name("true"), .name("True"): return literal(.bool(true))
        case .name("false"), .name("False"): return literal(.bool(false))
        case .name("none"), .name("None"): return literal(.none)
        case .name(let name):
            guard !Self.keywords.contains(name) else {
                throw TemplateError("found '\(name)', expected an expression")
            }
            mention(load: name)
            return Expression(kind: .name(name), line: start.line)
        case .string(let first):
            var text = first.text
            while case .string(let more) = current.kind {
                text += more.text
                advance()
            }
            return literal(.string(text))
        case .int(let value): return literal(.int(value))
        case .float(let value): return literal(.float(value))
        case .symbol("("):
            let inner = try parseTuple(isBracketed: true)
            try expect(.symbol(")"))
            return inner
        case .symbol("["): return Expression(kind: .list(try parseListItems()), line: start.line)
        case .symbol("{"): return Expression(kind: .dict(try parseDictItems()), line: start.line)
        default: throw TemplateError("found \(start.description), expected an expression")
        }
    }

    private mutating func parseListItems() throws(TemplateError) -> [Expression] {
        var items: [Expression] = []
        while !skip(.symbol("]")) {
            if !items.isEmpty {
                try expect(.symbol(","))
                if skip(.symbol("]")) { break }
            }
            items.append(try parseExpression())
        }
        return items
    }

    private mutating func parseDictItems() throws(TemplateError) -> [(
        key: Expression, value: Expression
    )] {
        var items: [(key: Expression, value: Expression)] = []
        while !skip(.symbol("}")) {
            if !items.isEmpty {
                try expect(.symbol(","))
                if skip(.symbol("}")) { break }
            }
            let key = try parseExpression()
            try expect(.symbol(":"))
            items.append((key, try parseExpression()))
        }
        return items
    }
}
