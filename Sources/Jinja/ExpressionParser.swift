// Expressions. Each level of precedence is one function, which calls the next higher one. From the lowest: conditional,
// `or`, `and`, `not`, comparison, `+ -`, `~`, `* / // %`, `**`, sign, and last what follows an operand.

extension Parser {
    /// Reads one expression, or a tuple: several expressions with commas between them.
    mutating func parseTuple(
        allowsConditional: Bool = true, isBracketed: Bool = false
    ) throws(TemplateError) -> Expression {
        let start = line
        var items: [Expression] = []
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
        return Expression(kind: .tuple(items), line: start)
    }

    private var endsTuple: Bool {
        switch current.kind {
        case .outputEnd, .blockEnd, .symbol(")"), .end: true
        default: false
        }
    }

    mutating func parseExpression() throws(TemplateError) -> Expression {
        expressionDepth += 1
        defer { expressionDepth -= 1 }
        guard expressionDepth <= Limits.expressionDepth else { throw Limits.tooDeepExpression }
        let start = line
        let value = try parseOr()
        guard skip(.name("if")) else { return value }
        let condition = try parseOr()
        let otherwise = skip(.name("else")) ? try parseExpression() : nil
        let kind = Expression.Kind.conditional(condition: condition, then: value, otherwise: otherwise)
        guard current.kind != .name("if") else {
            throw TemplateError("several conditions after one value need brackets")
        }
        return Expression(kind: kind, line: start)
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
            if case .symbol(let symbol) = current.kind, let comparison = Expression.Comparison(rawValue: symbol) {
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
            let found = Expression.Arithmetic(rawValue: symbol), operators.contains(found)
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
            return Expression(kind: .name(name), line: start.line)
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

// What follows an operand: attributes, subscripts and calls; then filters, tests and calls of their results.
extension Parser {
    mutating func parsePostfix(
        of operand: Expression, withFilters: Bool
    ) throws(TemplateError) -> Expression {
        var links: [Expression.Postfix] = []
        while true {
            let start = line
            let kind: Expression.Postfix.Kind
            if skip(.symbol(".")) {
                kind = try parseAttribute()
            } else if skip(.symbol("[")) {
                kind = try parseSubscript()
            } else if current.kind == .symbol("(") {
                kind = .call(try parseArguments())
            } else {
                break
            }
            links.append(Expression.Postfix(kind: kind, line: start))
        }
        while withFilters {
            let start = line
            let kind: Expression.Postfix.Kind
            if skip(.symbol("|")) {
                kind = .filter(try parseFilterCall())
            } else if skip(.name("is")) {
                kind = try parseTest()
            } else if current.kind == .symbol("(") {
                kind = .call(try parseArguments())
            } else {
                break
            }
            links.append(Expression.Postfix(kind: kind, line: start))
        }
        return links.isEmpty ? operand : Expression(kind: .postfix(operand, links), line: operand.line)
    }

    private mutating func parseAttribute() throws(TemplateError) -> Expression.Postfix.Kind {
        switch current.kind {
        case .name(let name):
            advance()
            return .attribute(name)
        case .int(let index):
            let start = line
            advance()
            return .item(Expression(kind: .literal(.int(index)), line: start))
        default: throw unexpected("an attribute's name or a number")
        }
    }

    private mutating func parseSubscript() throws(TemplateError) -> Expression.Postfix.Kind {
        var parts: [Expression?] = []
        var isSlice = false
        while true {
            if current.kind == .symbol(":") || current.kind == .symbol("]") {
                parts.append(nil)
            } else {
                parts.append(try parseExpression())
            }
            guard parts.count < 3, skip(.symbol(":")) else { break }
            isSlice = true
        }
        guard current.kind != .symbol(",") else {
            throw TemplateError("subscripts with several indices are outside the supported subset")
        }
        guard isSlice || parts.first.flatMap({ $0 }) != nil else { throw unexpected("an index") }
        try expect(.symbol("]"))
        guard isSlice else {
            guard let index = parts.first.flatMap({ $0 }) else { throw unexpected("an index") }
            return .item(index)
        }
        return .slice(parts[0], parts[1], parts.count > 2 ? parts[2] : nil)
    }

    mutating func parseArguments() throws(TemplateError) -> Expression.Arguments {
        var arguments = Expression.Arguments()
        try expect(.symbol("("))
        var isFirst = true
        while !skip(.symbol(")")) {
            if !isFirst {
                try expect(.symbol(","))
                if skip(.symbol(")")) { break }
            }
            isFirst = false
            if current.kind == .symbol("*") || current.kind == .symbol("**") {
                throw TemplateError("'*' and '**' arguments are outside the supported subset")
            }
            if case .name(let name) = current.kind, next.kind == .symbol("=") {
                advance()
                advance()
                guard !arguments.named.contains(where: { $0.name == name }) else {
                    throw TemplateError("the argument '\(name)' is given twice")
                }
                arguments.named.append((name, try parseExpression()))
            } else {
                guard arguments.named.isEmpty else {
                    throw TemplateError("an argument without a name follows one with a name")
                }
                arguments.positional.append(try parseExpression())
            }
        }
        return arguments
    }

    mutating func parseFilterCall() throws(TemplateError) -> FilterCall {
        let start = line
        let name = try parseDottedName("a filter's name")
        guard Filters.names.contains(name) else {
            throw TemplateError("the filter '\(name)' is outside the supported subset")
        }
        let arguments =
            current.kind == .symbol("(") ? try parseArguments() : Expression.Arguments()
        return FilterCall(name: name, arguments: arguments, line: start)
    }

    private mutating func parseTest() throws(TemplateError) -> Expression.Postfix.Kind {
        let isNegated = skip(.name("not"))
        let name = try parseDottedName("a test's name")
        guard Tests.names.contains(name) else {
            throw TemplateError("the test '\(name)' is outside the supported subset")
        }
        var arguments = Expression.Arguments()
        if current.kind == .symbol("(") {
            arguments = try parseArguments()
        } else if current.kind == .name("is") {
            throw TemplateError("several tests with 'is' in a row need brackets")
        } else if startsTestArgument {
            expressionDepth += 1
            defer { expressionDepth -= 1 }
            guard expressionDepth <= Limits.expressionDepth else { throw Limits.tooDeepExpression }
            arguments.positional = [try parsePostfix(of: parsePrimary(), withFilters: false)]
        }
        return .test(name: name, arguments: arguments, isNegated: isNegated)
    }

    /// Whether a test's only argument follows without brackets: `x is divisibleby 3`.
    private var startsTestArgument: Bool {
        switch current.kind {
        case .name(let name): !Self.keywords.contains(name)
        case .string, .int, .float, .symbol("["), .symbol("{"): true
        default: false
        }
    }

    private mutating func parseDottedName(_ what: String) throws(TemplateError) -> String {
        var name = try expectName(what)
        while skip(.symbol(".")) { name += "." + (try expectName(what)) }
        return name
    }
}
