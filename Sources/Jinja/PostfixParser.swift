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
        let start = line
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
        guard isSlice || parts.first.flatMap({ $0 }) != nil else { throw unexpected("an index") }
        if isSlice {
            guard current.kind != .symbol(",") else {
                throw TemplateError("a slice cannot be one of several indices")
            }
            try expect(.symbol("]"))
            return .slice(parts[0], parts[1], parts.count > 2 ? parts[2] : nil)
        }
        var indices = parts.compactMap { $0 }
        while skip(.symbol(",")) { indices.append(try parseExpression()) }
        try expect(.symbol("]"))
        if indices.count == 1, let index = indices.first { return .item(index) }
        return .item(Expression(kind: .tuple(indices), line: start))
    }

    mutating func parseArguments() throws(TemplateError) -> Expression.Arguments {
        var arguments = Expression.Arguments()
        try expect(.symbol("("))
        var names: Set<ExactString> = []
        var isFirst = true
        while !skip(.symbol(")")) {
            if !isFirst {
                try expect(.symbol(","))
                if skip(.symbol(")")) { break }
            }
            isFirst = false
            guard arguments.spreadNamed == nil else { throw TemplateError("an argument follows the '**' argument") }
            if skip(.symbol("**")) {
                arguments.spreadNamed = try parseExpression()
            } else if current.kind == .symbol("*") {
                guard arguments.spread == nil else { throw TemplateError("a call has two '*' arguments") }
                advance()
                arguments.spread = try parseExpression()
            } else if case .name(let name) = current.kind, next.kind == .symbol("=") {
                advance()
                advance()
                guard names.insert(name).inserted else {
                    throw TemplateError("the argument '\(name)' is given twice")
                }
                arguments.named.append((name, try parseExpression()))
            } else {
                guard arguments.named.isEmpty, arguments.spread == nil else {
                    throw TemplateError("an argument without a name follows one with a name or '*'")
                }
                arguments.positional.append(try parseExpression())
            }
        }
        return arguments
    }

    mutating func parseFilterCall() throws(TemplateError) -> FilterCall {
        let start = line
        let name = try parseDottedName("a filter's name")
        if let unknown = Filters.failure(of: name) { unknownNames.append(unknown.at(line: start)) }
        let arguments =
            current.kind == .symbol("(") ? try parseArguments() : Expression.Arguments()
        return FilterCall(name: name, arguments: arguments, line: start)
    }

    private mutating func parseTest() throws(TemplateError) -> Expression.Postfix.Kind {
        let isNegated = skip(.name("not"))
        let start = line
        let name = try parseDottedName("a test's name")
        if let unknown = Tests.failure(of: name) { unknownNames.append(unknown.at(line: start)) }
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

    private mutating func parseDottedName(_ what: String) throws(TemplateError) -> ExactString {
        var name = try expectName(what)
        while skip(.symbol(".")) { name = ExactString(name.text + "." + (try expectName(what)).text) }
        return name
    }
}
