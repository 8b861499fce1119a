// What follows an operand: attributes, subscripts, calls; then filters and tests.

extension TemplateParser {
    mutating func parsePostfix(
        of operand: TemplateExpression, withFilters: Bool
    ) throws(TemplateFailure) -> TemplateExpression {
        var links: [TemplateExpression.Postfix] = []
        while true {
            let start = line
            let kind: TemplateExpression.Postfix.Kind
            if skip(.symbol(".")) {
                kind = try parseAttribute()
            } else if skip(.symbol("[")) {
                kind = try parseSubscript()
            } else if current.kind == .symbol("(") {
                kind = .call(try parseArguments())
            } else {
                break
            }
            links.append(TemplateExpression.Postfix(kind: kind, line: start))
        }
        while withFilters {
            let start = line
            let kind: TemplateExpression.Postfix.Kind
            if skip(.symbol("|")) {
                kind = .filter(try parseFilterCall())
            } else if skip(.name("is")) {
                kind = try parseTest()
            } else if current.kind == .symbol("(") {
                kind = .call(try parseArguments())
            } else {
                break
            }
            links.append(TemplateExpression.Postfix(kind: kind, line: start))
        }
        return links.isEmpty ? operand : TemplateExpression(kind: .postfix(operand, links), line: operand.line)
    }

    private mutating func parseAttribute() throws(TemplateFailure) -> TemplateExpression.Postfix.Kind {
        switch current.kind {
        case .name(let name):
            advance()
            return .attribute(name)
        case .int(let index):
            let start = line
            advance()
            return .item(TemplateExpression(kind: .literal(.int(index)), line: start))
        default: throw unexpected("an attribute's name or a number")
        }
    }

    private mutating func parseSubscript() throws(TemplateFailure) -> TemplateExpression.Postfix.Kind {
        var parts: [TemplateExpression?] = []
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
            throw TemplateFailure("subscripts with several indices are outside the supported subset")
        }
        guard isSlice || parts.first.flatMap({ $0 }) != nil else { throw unexpected("an index") }
        try expect(.symbol("]"))
        guard isSlice else {
            guard let index = parts.first.flatMap({ $0 }) else { throw unexpected("an index") }
            return .item(index)
        }
        return .slice(parts[0], parts[1], parts.count > 2 ? parts[2] : nil)
    }

    mutating func parseArguments() throws(TemplateFailure) -> TemplateExpression.Arguments {
        var arguments = TemplateExpression.Arguments()
        try expect(.symbol("("))
        var isFirst = true
        while !skip(.symbol(")")) {
            if !isFirst {
                try expect(.symbol(","))
                if skip(.symbol(")")) { break }
            }
            isFirst = false
            if current.kind == .symbol("*") || current.kind == .symbol("**") {
                throw TemplateFailure("'*' and '**' arguments are outside the supported subset")
            }
            if case .name(let name) = current.kind, next.kind == .symbol("=") {
                advance()
                advance()
                guard !arguments.named.contains(where: { $0.name == name }) else {
                    throw TemplateFailure("the argument '\(name)' is given twice")
                }
                arguments.named.append((name, try parseExpression()))
            } else {
                guard arguments.named.isEmpty else {
                    throw TemplateFailure("an argument without a name follows one with a name")
                }
                arguments.positional.append(try parseExpression())
            }
        }
        return arguments
    }

    mutating func parseFilterCall() throws(TemplateFailure) -> TemplateFilterCall {
        let start = line
        let name = try parseDottedName("a filter's name")
        guard TemplateFilters.names.contains(name) else {
            throw TemplateFailure("the filter '\(name)' is outside the supported subset")
        }
        let arguments =
            current.kind == .symbol("(") ? try parseArguments() : TemplateExpression.Arguments()
        return TemplateFilterCall(name: name, arguments: arguments, line: start)
    }

    private mutating func parseTest() throws(TemplateFailure) -> TemplateExpression.Postfix.Kind {
        let isNegated = skip(.name("not"))
        let name = try parseDottedName("a test's name")
        guard TemplateTests.names.contains(name) else {
            throw TemplateFailure("the test '\(name)' is outside the supported subset")
        }
        var arguments = TemplateExpression.Arguments()
        if current.kind == .symbol("(") {
            arguments = try parseArguments()
        } else if current.kind == .name("is") {
            throw TemplateFailure("several tests with 'is' in a row need brackets")
        } else if startsTestArgument {
            expressionDepth += 1
            defer { expressionDepth -= 1 }
            guard expressionDepth <= TemplateLimits.expressionDepth else { throw TemplateLimits.tooDeepExpression }
            arguments.positional = [try parsePostfix(of: parsePrimary(), withFilters: false)]
        }
        return .test(name: name, arguments: arguments, isNegated: isNegated)
    }

    /// Whether a test's only argument follows without brackets, as in `x is divisibleby 3`.
    private var startsTestArgument: Bool {
        switch current.kind {
        case .name(let name): !Self.keywords.contains(name)
        case .string, .int, .float, .symbol("["), .symbol("{"): true
        default: false
        }
    }

    private mutating func parseDottedName(_ what: String) throws(TemplateFailure) -> String {
        var name = try expectName(what)
        while skip(.symbol(".")) { name += "." + (try expectName(what)) }
        return name
    }
}
