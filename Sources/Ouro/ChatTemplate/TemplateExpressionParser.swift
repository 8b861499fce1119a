// Expressions, by rising precedence: conditional, or, and, not, comparison, `+ -`, `~`, `* / // %`, `**`, sign,
// then what follows an operand.

extension TemplateParser {
    /// An expression, or several separated by commas, which make a tuple.
    mutating func parseTuple(
        allowsConditional: Bool = true, isBracketed: Bool = false
    ) throws(TemplateFailure) -> TemplateExpression {
        let start = line
        var items: [TemplateExpression] = []
        var isTuple = false
        while !endsTuple {
            items.append(try allowsConditional ? parseExpression() : parseOr())
            guard skip(.symbol(",")) else { break }
            isTuple = true
        }
        if !isTuple {
            if let item = items.first { return item }
            guard isBracketed else { throw unexpected("an expression") }
        }
        return TemplateExpression(kind: .tuple(items), line: start)
    }

    private var endsTuple: Bool {
        switch current.kind {
        case .outputEnd, .blockEnd, .symbol(")"), .end: true
        default: false
        }
    }

    mutating func parseExpression() throws(TemplateFailure) -> TemplateExpression {
        expressionDepth += 1
        defer { expressionDepth -= 1 }
        guard expressionDepth <= TemplateLimits.expressionDepth else { throw TemplateLimits.tooDeepExpression }
        let start = line
        let value = try parseOr()
        guard skip(.name("if")) else { return value }
        let condition = try parseOr()
        let otherwise = skip(.name("else")) ? try parseExpression() : nil
        let kind = TemplateExpression.Kind.conditional(condition: condition, then: value, otherwise: otherwise)
        guard current.kind != .name("if") else {
            throw TemplateFailure("several conditions after one value need brackets")
        }
        return TemplateExpression(kind: kind, line: start)
    }

    mutating func parseOr() throws(TemplateFailure) -> TemplateExpression {
        let start = line
        let first = try parseAnd()
        guard current.kind == .name("or") else { return first }
        var operands = [first]
        while skip(.name("or")) { operands.append(try parseAnd()) }
        return TemplateExpression(kind: .any(operands), line: start)
    }

    private mutating func parseAnd() throws(TemplateFailure) -> TemplateExpression {
        let start = line
        let first = try parseNot()
        guard current.kind == .name("and") else { return first }
        var operands = [first]
        while skip(.name("and")) { operands.append(try parseNot()) }
        return TemplateExpression(kind: .all(operands), line: start)
    }

    private mutating func parseNot() throws(TemplateFailure) -> TemplateExpression {
        let start = line
        var negations = 0
        while skip(.name("not")) { negations += 1 }
        let operand = try parseComparison()
        guard negations > 0 else { return operand }
        let once = TemplateExpression(kind: .not(operand), line: start)
        return negations % 2 == 1 ? once : TemplateExpression(kind: .not(once), line: start)
    }

    private mutating func parseComparison() throws(TemplateFailure) -> TemplateExpression {
        let start = line
        let first = try parseSum()
        var links: [(operation: TemplateExpression.Comparison, operand: TemplateExpression)] = []
        while true {
            if case .symbol(let symbol) = current.kind, let comparison = TemplateExpression.Comparison(rawValue: symbol)
            {
                advance()
                links.append((comparison, try parseSum()))
            } else if skip(.name("in")) {
                links.append((.isIn, try parseSum()))
            } else if current.kind == .name("not"), next.kind == .name("in") {
                advance()
                advance()
                links.append((.isNotIn, try parseSum()))
            } else {
                return links.isEmpty ? first : TemplateExpression(kind: .comparison(first, links), line: start)
            }
        }
    }

    private typealias Links = [(operation: TemplateExpression.Arithmetic, operand: TemplateExpression)]

    /// The arithmetic operator under the cursor, if it is one of these.
    private mutating func skipOperator(
        _ operators: TemplateExpression.Arithmetic...
    ) -> TemplateExpression.Arithmetic? {
        guard case .symbol(let symbol) = current.kind,
            let found = TemplateExpression.Arithmetic(rawValue: symbol), operators.contains(found)
        else { return nil }
        advance()
        return found
    }

    private mutating func parseSum() throws(TemplateFailure) -> TemplateExpression {
        let start = line
        let first = try parseJoined()
        var links: Links = []
        while let found = skipOperator(.add, .subtract) { links.append((found, try parseJoined())) }
        return links.isEmpty ? first : TemplateExpression(kind: .arithmetic(first, links), line: start)
    }

    private mutating func parseJoined() throws(TemplateFailure) -> TemplateExpression {
        let start = line
        let first = try parseProduct()
        guard current.kind == .symbol("~") else { return first }
        var operands = [first]
        while skip(.symbol("~")) { operands.append(try parseProduct()) }
        return TemplateExpression(kind: .joined(operands), line: start)
    }

    private mutating func parseProduct() throws(TemplateFailure) -> TemplateExpression {
        let start = line
        let first = try parsePower()
        var links: Links = []
        while let found = skipOperator(.multiply, .divide, .floorDivide, .remainder) {
            links.append((found, try parsePower()))
        }
        return links.isEmpty ? first : TemplateExpression(kind: .arithmetic(first, links), line: start)
    }

    private mutating func parsePower() throws(TemplateFailure) -> TemplateExpression {
        let start = line
        let first = try parseSigned(withFilters: true)
        var links: Links = []
        while let found = skipOperator(.power) { links.append((found, try parseSigned(withFilters: true))) }
        return links.isEmpty ? first : TemplateExpression(kind: .arithmetic(first, links), line: start)
    }

    private mutating func parseSigned(withFilters: Bool) throws(TemplateFailure) -> TemplateExpression {
        expressionDepth += 1
        defer { expressionDepth -= 1 }
        guard expressionDepth <= TemplateLimits.expressionDepth else { throw TemplateLimits.tooDeepExpression }
        let start = line
        let operand: TemplateExpression
        if skip(.symbol("-")) {
            operand = TemplateExpression(kind: .negative(try parseSigned(withFilters: false)), line: start)
        } else if skip(.symbol("+")) {
            operand = TemplateExpression(kind: .positive(try parseSigned(withFilters: false)), line: start)
        } else {
            operand = try parsePrimary()
        }
        return try parsePostfix(of: operand, withFilters: withFilters)
    }

    mutating func parsePrimary() throws(TemplateFailure) -> TemplateExpression {
        let start = current
        advance()
        func literal(_ value: TemplateValue) -> TemplateExpression {
            TemplateExpression(kind: .literal(value), line: start.line)
        }
        switch start.kind {
        case .name("true"), .name("True"): return literal(.bool(true))
        case .name("false"), .name("False"): return literal(.bool(false))
        case .name("none"), .name("None"): return literal(.none)
        case .name(let name):
            guard !Self.keywords.contains(name) else {
                throw TemplateFailure("found '\(name)', expected an expression")
            }
            return TemplateExpression(kind: .name(name), line: start.line)
        case .string(var text):
            while case .string(let more) = current.kind {
                text += more
                advance()
            }
            return literal(.string(text))
        case .int(let value): return literal(.int(value))
        case .float(let value): return literal(.float(value))
        case .symbol("("):
            let inner = try parseTuple(isBracketed: true)
            try expect(.symbol(")"))
            return inner
        case .symbol("["): return TemplateExpression(kind: .list(try parseListItems()), line: start.line)
        case .symbol("{"): return TemplateExpression(kind: .dict(try parseDictItems()), line: start.line)
        default: throw TemplateFailure("found \(start.description), expected an expression")
        }
    }

    private mutating func parseListItems() throws(TemplateFailure) -> [TemplateExpression] {
        var items: [TemplateExpression] = []
        while !skip(.symbol("]")) {
            if !items.isEmpty {
                try expect(.symbol(","))
                if skip(.symbol("]")) { break }
            }
            items.append(try parseExpression())
        }
        return items
    }

    private mutating func parseDictItems() throws(TemplateFailure) -> [(
        key: TemplateExpression, value: TemplateExpression
    )] {
        var items: [(key: TemplateExpression, value: TemplateExpression)] = []
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
