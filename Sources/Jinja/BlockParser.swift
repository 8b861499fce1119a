// Tags with a body of their own: macros, calls, filters, scopes and blocks. And what they assign to.

extension Parser {
    mutating func parseMacro() throws(TemplateError) -> Statement {
        let name = try expectAssignable("the macro's name")
        let parameters = try parseParameters(of: "the macro '\(name)'")
        return .macro(try parseMacroBody(name: name, parameters, until: "endmacro"))
    }

    /// Reads the parameters in brackets.
    private mutating func parseParameters(
        of callee: String
    ) throws(TemplateError) -> [(name: ExactString, fallback: Expression?)] {
        try expect(.symbol("("))
        var parameters: [(name: ExactString, fallback: Expression?)] = []
        var names: Set<ExactString> = []
        while current.kind != .symbol(")") {
            if !parameters.isEmpty { try expect(.symbol(",")) }
            let parameter = try expectAssignable("a parameter's name")
            guard names.insert(parameter).inserted else {
                throw TemplateError("\(callee) has two parameters '\(parameter)'")
            }
            let fallback = skip(.symbol("=")) ? try parseExpression() : nil
            guard fallback != nil || parameters.last?.fallback == nil else {
                throw TemplateError("parameter '\(parameter)' without a default follows one with a default")
            }
            parameters.append((parameter, fallback))
        }
        advance()
        return parameters
    }

    private mutating func parseMacroBody(
        name: ExactString?, _ parameters: [(name: ExactString, fallback: Expression?)], until end: ExactString
    ) throws(TemplateError) -> Statement.Macro {
        let outerLoops = loopDepth
        loopDepth = 0
        let (body, mentioned) = try collectingMentions { (parser) throws(TemplateError) in
            try parser.parseBody(until: [end])
        }
        loopDepth = outerLoops
        advance()
        if mentioned.contains("caller"), let parameter = parameters.first(where: { $0.name == "caller" }),
            parameter.fallback == nil
        {
            throw TemplateError("a parameter with the special name 'caller' needs a default")
        }
        let special = mentioned.intersection(["caller", "varargs", "kwargs"])
        return Statement.Macro(name: name, parameters: parameters, special: special, body: body)
    }

    mutating func parseCall(line start: Int) throws(TemplateError) -> Statement {
        let parameters = current.kind == .symbol("(") ? try parseParameters(of: "the body of '{% call %}'") : []
        let call = try parseExpression()
        guard case .postfix(let operand, var links) = call.kind, let last = links.popLast(),
            case .call(let arguments) = last.kind
        else { throw TemplateError("'{% call %}' needs a call such as 'name()'") }
        let callee =
            links.isEmpty ? operand : Expression(kind: .postfix(operand, links), line: operand.line)
        let body = try parseMacroBody(name: nil, parameters, until: "endcall")
        return .call(callee: callee, arguments: arguments, body: body, line: start)
    }

    mutating func parseFilterBlock() throws(TemplateError) -> Statement {
        var filters = [try parseFilterCall()]
        while skip(.symbol("|")) { filters.append(try parseFilterCall()) }
        let body = try parseBody(until: ["endfilter"])
        advance()
        return .filter(filters, body: body)
    }

    mutating func parseWith() throws(TemplateError) -> Statement {
        var assignments: [(target: Statement.Target, value: Expression)] = []
        while current.kind != .blockEnd {
            if !assignments.isEmpty { try expect(.symbol(",")) }
            let target = try parseTarget(allowsMember: false, isSingle: true)
            try expect(.symbol("="))
            assignments.append((target, try parseExpression()))
        }
        let body = try parseBody(until: ["endwith"])
        advance()
        return .with(assignments, body: body)
    }

    mutating func parseAutoescape() throws(TemplateError) -> Statement {
        let flag = try parseExpression()
        let body = try parseBody(until: ["endautoescape"])
        advance()
        return .autoescape(flag, body: body)
    }

    mutating func parseBlock() throws(TemplateError) -> Statement {
        let name = try expectName("the block's name")
        guard blockNames.insert(name).inserted else { throw TemplateError("the block '\(name)' exists already") }
        let isScoped = skip(.name("scoped"))
        let isRequired = skip(.name("required"))
        let (outerLoops, outerMentions) = (loopDepth, mentions)
        loopDepth = 0
        let body = try parseBody(until: ["endblock"])
        (loopDepth, mentions) = (outerLoops, outerMentions)
        advance()
        _ = skip(.name(name))
        if isRequired {
            for statement in body {
                guard case .text(let text) = statement, text.unicodeScalars.allSatisfy(Text.isSpace) else {
                    throw TemplateError("the required block '\(name)' has a body that is not empty")
                }
            }
        }
        return .block(Statement.Block(name: name, isScoped: isScoped, isRequired: isRequired, body: body))
    }

    // MARK: - Targets

    /// Reads what is left of an assignment or of a loop's `in`. `isSingle` stops at a comma outside of brackets.
    mutating func parseTarget(
        allowsMember: Bool, isSingle: Bool = false
    ) throws(TemplateError) -> Statement.Target {
        var targets: [Statement.Target] = []
        var isTuple = false
        while true {
            if skip(.symbol("(")) {
                expressionDepth += 1
                defer { expressionDepth -= 1 }
                guard expressionDepth <= Limits.expressionDepth else {
                    throw Limits.tooDeepExpression
                }
                targets.append(try parseTarget(allowsMember: allowsMember))
                try expect(.symbol(")"))
            } else {
                let name = try expectAssignable("a variable's name", isStored: false)
                if allowsMember, skip(.symbol(".")) {
                    mention(load: name)
                    targets.append(.member(of: name, name: try expectName("an attribute's name")))
                } else {
                    mention(store: name)
                    targets.append(.name(name))
                }
            }
            guard !isSingle, skip(.symbol(",")) else { break }
            isTuple = true
            if current.kind == .symbol(")") { break }
        }
        if !isTuple, let target = targets.first { return target }
        return .tuple(targets)
    }

    private mutating func expectAssignable(_ what: String, isStored: Bool = true) throws(TemplateError) -> ExactString {
        let name = try expectName(what)
        guard !Self.constants.contains(name), !Self.keywords.contains(name) else {
            throw TemplateError("cannot assign to '\(name)'")
        }
        if isStored { mention(store: name) }
        return name
    }

    // MARK: - Special names

    /// Which special names a macro or loop reads before it assigns to them.
    struct Mentions {
        var loaded: Set<ExactString> = []
        var stored: Set<ExactString> = []

        static let watched: Set<ExactString> = ["caller", "varargs", "kwargs", "loop"]
    }

    mutating func mention(load name: ExactString) {
        if Mentions.watched.contains(name), !mentions.stored.contains(name) { mentions.loaded.insert(name) }
    }

    mutating func mention(store name: ExactString) {
        if Mentions.watched.contains(name) { mentions.stored.insert(name) }
    }

    /// Parses a body, and returns which special names it mentions.
    mutating func collectingMentions<Body>(
        _ parse: (inout Parser) throws(TemplateError) -> Body
    ) throws(TemplateError) -> (body: Body, mentioned: Set<ExactString>) {
        let outer = mentions
        mentions = Mentions()
        let body = try parse(&self)
        let inner = mentions
        mentions = outer
        mentions.loaded.formUnion(inner.loaded.subtracting(outer.stored))
        mentions.stored.formUnion(inner.stored)
        return (body, inner.loaded)
    }
}
