/// Makes statements of tokens. Recursion is bounded by `TemplateLimits`; everything outside the supported subset is
/// refused by its name.
struct TemplateParser {
    private let tokens: [TemplateToken]
    private var position = 0
    var expressionDepth = 0
    private var blockDepth = 0
    private var loopDepth = 0

    init(tokens: [TemplateToken]) { self.tokens = tokens }

    /// The whole template.
    mutating func parse() throws(TemplateFailure) -> [TemplateStatement] {
        let body = try parseBody(until: [])
        guard current.kind == .end else { throw unexpected("a tag") }
        return body
    }

    var line: Int { current.line }

    var current: TemplateToken { token(at: position) }

    var next: TemplateToken { token(at: position + 1) }

    private func token(at index: Int) -> TemplateToken {
        index < tokens.count ? tokens[index] : TemplateToken(kind: .end, line: tokens.last?.line ?? 1)
    }

    mutating func advance() { position += 1 }

    mutating func skip(_ kind: TemplateToken.Kind) -> Bool {
        guard current.kind == kind else { return false }
        advance()
        return true
    }

    mutating func expect(_ kind: TemplateToken.Kind) throws(TemplateFailure) {
        guard skip(kind) else {
            throw unexpected(TemplateToken(kind: kind, line: 0).description)
        }
    }

    mutating func expectName(_ what: String) throws(TemplateFailure) -> String {
        guard case .name(let name) = current.kind else { throw unexpected(what) }
        advance()
        return name
    }

    func unexpected(_ expected: String) -> TemplateFailure {
        TemplateFailure("found \(current.description), expected \(expected)")
    }

    // MARK: - Statements

    /// Reads statements up to a tag with one of the given names, whose name is then the current token.
    private mutating func parseBody(until ends: [String]) throws(TemplateFailure) -> [TemplateStatement] {
        blockDepth += 1
        defer { blockDepth -= 1 }
        guard blockDepth <= TemplateLimits.blockDepth else { throw TemplateLimits.tooDeepBlock }
        var statements: [TemplateStatement] = []
        while true {
            switch current.kind {
            case .text(let text):
                statements.append(.text(text))
                advance()
            case .outputBegin:
                advance()
                statements.append(.output(try parseTuple()))
                try expect(.outputEnd)
            case .blockBegin:
                advance()
                if case .name(let name) = current.kind, ends.contains(name) { return statements }
                statements.append(try parseStatement())
                try expect(.blockEnd)
            default:
                guard ends.isEmpty else {
                    throw unexpected("a tag named " + ends.map { "'\($0)'" }.joined(separator: " or "))
                }
                return statements
            }
        }
    }

    private mutating func parseStatement() throws(TemplateFailure) -> TemplateStatement {
        let name = try expectName("a tag's name")
        switch name {
        case "for": return try parseLoop()
        case "if": return try parseChoice()
        case "set": return try parseSet()
        case "macro": return try parseMacro()
        case "generation":
            try expect(.blockEnd)
            let body = try parseBody(until: ["endgeneration"])
            advance()
            return .scope(body)
        case "break", "continue":
            guard loopDepth > 0 else { throw TemplateFailure("'{% \(name) %}' is outside of a loop") }
            return name == "break" ? .leaveLoop : .nextIteration
        case "endfor", "endif", "endset", "endmacro", "endgeneration", "endraw", "else", "elif":
            throw TemplateFailure("'{% \(name) %}' ends nothing here")
        default: throw TemplateFailure("the tag '{% \(name) %}' is outside the supported subset")
        }
    }

    private mutating func parseLoop() throws(TemplateFailure) -> TemplateStatement {
        let target = try parseTarget(allowsMember: false, until: "in")
        try expect(.name("in"))
        let sequence = try parseTuple(allowsConditional: false)
        let condition = skip(.name("if")) ? try parseExpression() : nil
        guard current.kind != .name("recursive") else {
            throw TemplateFailure("recursive loops are outside the supported subset")
        }
        try expect(.blockEnd)
        loopDepth += 1
        let body = try parseBody(until: ["else", "endfor"])
        loopDepth -= 1
        var otherwise: [TemplateStatement] = []
        if skip(.name("else")) {
            try expect(.blockEnd)
            otherwise = try parseBody(until: ["endfor"])
        }
        advance()
        return .loop(
            TemplateStatement.Loop(
                target: target, sequence: sequence, condition: condition, body: body, otherwise: otherwise))
    }

    private mutating func parseChoice() throws(TemplateFailure) -> TemplateStatement {
        var branches: [(condition: TemplateExpression, body: [TemplateStatement])] = []
        while true {
            let condition = try parseTuple(allowsConditional: false)
            try expect(.blockEnd)
            branches.append((condition, try parseBody(until: ["elif", "else", "endif"])))
            if skip(.name("elif")) { continue }
            var otherwise: [TemplateStatement] = []
            if skip(.name("else")) {
                try expect(.blockEnd)
                otherwise = try parseBody(until: ["endif"])
            }
            advance()
            return .choice(branches, otherwise: otherwise)
        }
    }

    private mutating func parseSet() throws(TemplateFailure) -> TemplateStatement {
        let start = line
        let target = try parseTarget(allowsMember: true, until: nil)
        if skip(.symbol("=")) { return .set(target, try parseTuple()) }
        var filters: [TemplateFilterCall] = []
        while skip(.symbol("|")) { filters.append(try parseFilterCall()) }
        try expect(.blockEnd)
        let body = try parseBody(until: ["endset"])
        advance()
        return .setBlock(target, filters: filters, body: body, line: start)
    }

    private mutating func parseMacro() throws(TemplateFailure) -> TemplateStatement {
        guard loopDepth == 0 else { throw TemplateFailure("a macro inside a loop is outside the supported subset") }
        let name = try expectName("the macro's name")
        try expect(.symbol("("))
        var parameters: [(name: String, fallback: TemplateExpression?)] = []
        while current.kind != .symbol(")") {
            if !parameters.isEmpty { try expect(.symbol(",")) }
            let parameter = try expectName("a parameter's name")
            guard !parameters.contains(where: { $0.name == parameter }) else {
                throw TemplateFailure("the macro '\(name)' has two parameters '\(parameter)'")
            }
            let fallback = skip(.symbol("=")) ? try parseExpression() : nil
            guard fallback != nil || parameters.last?.fallback == nil else {
                throw TemplateFailure("parameter '\(parameter)' without a default follows one with a default")
            }
            parameters.append((parameter, fallback))
        }
        advance()
        try expect(.blockEnd)
        let body = try parseBody(until: ["endmacro"])
        advance()
        return .macro(TemplateStatement.Macro(name: name, parameters: parameters, body: body))
    }

    /// Names on the left of an assignment or of a loop's `in`.
    private mutating func parseTarget(
        allowsMember: Bool, until end: String?
    ) throws(TemplateFailure) -> TemplateStatement.Target {
        var targets: [TemplateStatement.Target] = []
        var isTuple = false
        while true {
            if skip(.symbol("(")) {
                expressionDepth += 1
                defer { expressionDepth -= 1 }
                guard expressionDepth <= TemplateLimits.expressionDepth else {
                    throw TemplateLimits.tooDeepExpression
                }
                targets.append(try parseTarget(allowsMember: allowsMember, until: nil))
                try expect(.symbol(")"))
            } else {
                let name = try expectName("a variable's name")
                guard !Self.constants.contains(name), !Self.keywords.contains(name) else {
                    throw TemplateFailure("cannot assign to '\(name)'")
                }
                if allowsMember, skip(.symbol(".")) {
                    targets.append(.member(of: name, name: try expectName("an attribute's name")))
                } else {
                    targets.append(.name(name))
                }
            }
            guard skip(.symbol(",")) else { break }
            isTuple = true
            if current.kind == .symbol("=") || current.kind == .symbol(")") { break }
            if let end, current.kind == .name(end) { break }
        }
        if !isTuple, let target = targets.first { return target }
        return .tuple(targets)
    }

    static let constants: Set<String> = ["true", "false", "none", "True", "False", "None"]
    static let keywords: Set<String> = ["and", "or", "not", "in", "is", "if", "else", "elif", "for"]
}
