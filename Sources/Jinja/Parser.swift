/// Makes statements of tokens. `ExpressionParser.swift` has the part for expressions.
///
/// ``Limits`` bounds the recursion. Anything outside the supported subset is an error that names it.
struct Parser {
    private let tokens: [Token]
    private var position = 0
    var expressionDepth = 0
    private var blockDepth = 0
    private var loopDepth = 0

    init(tokens: [Token]) { self.tokens = tokens }

    /// The whole template.
    mutating func parse() throws(TemplateError) -> [Statement] {
        let body = try parseBody(until: [])
        guard current.kind == .end else { throw unexpected("a tag") }
        return body
    }

    /// The current token's line. After an error it is the line of the error.
    var line: Int { current.line }

    var current: Token { token(at: position) }

    var next: Token { token(at: position + 1) }

    private func token(at index: Int) -> Token {
        index < tokens.count ? tokens[index] : Token(kind: .end, line: tokens.last?.line ?? 1)
    }

    mutating func advance() { position += 1 }

    /// Moves past the current token if it is this one.
    mutating func skip(_ kind: Token.Kind) -> Bool {
        guard current.kind == kind else { return false }
        advance()
        return true
    }

    /// Moves past the current token; an error if it is another one than this.
    mutating func expect(_ kind: Token.Kind) throws(TemplateError) {
        guard skip(kind) else {
            throw unexpected(Token(kind: kind, line: 0).description)
        }
    }

    mutating func expectName(_ what: String) throws(TemplateError) -> String {
        guard case .name(let name) = current.kind else { throw unexpected(what) }
        advance()
        return name
    }

    func unexpected(_ expected: String) -> TemplateError {
        TemplateError("found \(current.description), expected \(expected)")
    }

    // MARK: - Statements

    /// Reads statements up to a tag with one of these names. The name is then the current token.
    private mutating func parseBody(until ends: [String]) throws(TemplateError) -> [Statement] {
        blockDepth += 1
        defer { blockDepth -= 1 }
        guard blockDepth <= Limits.blockDepth else { throw Limits.tooDeepBlock }
        var statements: [Statement] = []
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

    private mutating func parseStatement() throws(TemplateError) -> Statement {
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
            guard loopDepth > 0 else { throw TemplateError("'{% \(name) %}' is outside of a loop") }
            return name == "break" ? .leaveLoop : .nextIteration
        case "endfor", "endif", "endset", "endmacro", "endgeneration", "endraw", "else", "elif":
            throw TemplateError("'{% \(name) %}' ends nothing here")
        default: throw TemplateError("the tag '{% \(name) %}' is outside the supported subset")
        }
    }

    private mutating func parseLoop() throws(TemplateError) -> Statement {
        let target = try parseTarget(allowsMember: false, until: "in")
        try expect(.name("in"))
        let sequence = try parseTuple(allowsConditional: false)
        let condition = skip(.name("if")) ? try parseExpression() : nil
        guard current.kind != .name("recursive") else {
            throw TemplateError("recursive loops are outside the supported subset")
        }
        try expect(.blockEnd)
        loopDepth += 1
        let body = try parseBody(until: ["else", "endfor"])
        loopDepth -= 1
        var otherwise: [Statement] = []
        if skip(.name("else")) {
            try expect(.blockEnd)
            otherwise = try parseBody(until: ["endfor"])
        }
        advance()
        return .loop(
            Statement.Loop(
                target: target, sequence: sequence, condition: condition, body: body, otherwise: otherwise))
    }

    private mutating func parseChoice() throws(TemplateError) -> Statement {
        var branches: [(condition: Expression, body: [Statement])] = []
        while true {
            let condition = try parseTuple(allowsConditional: false)
            try expect(.blockEnd)
            branches.append((condition, try parseBody(until: ["elif", "else", "endif"])))
            if skip(.name("elif")) { continue }
            var otherwise: [Statement] = []
            if skip(.name("else")) {
                try expect(.blockEnd)
                otherwise = try parseBody(until: ["endif"])
            }
            advance()
            return .choice(branches, otherwise: otherwise)
        }
    }

    private mutating func parseSet() throws(TemplateError) -> Statement {
        let start = line
        let target = try parseTarget(allowsMember: true, until: nil)
        if skip(.symbol("=")) { return .set(target, try parseTuple()) }
        var filters: [FilterCall] = []
        while skip(.symbol("|")) { filters.append(try parseFilterCall()) }
        try expect(.blockEnd)
        let body = try parseBody(until: ["endset"])
        advance()
        return .setBlock(target, filters: filters, body: body, line: start)
    }

    private mutating func parseMacro() throws(TemplateError) -> Statement {
        guard loopDepth == 0 else { throw TemplateError("a macro inside a loop is outside the supported subset") }
        let name = try expectName("the macro's name")
        try expect(.symbol("("))
        var parameters: [(name: String, fallback: Expression?)] = []
        while current.kind != .symbol(")") {
            if !parameters.isEmpty { try expect(.symbol(",")) }
            let parameter = try expectName("a parameter's name")
            guard !parameters.contains(where: { $0.name == parameter }) else {
                throw TemplateError("the macro '\(name)' has two parameters '\(parameter)'")
            }
            let fallback = skip(.symbol("=")) ? try parseExpression() : nil
            guard fallback != nil || parameters.last?.fallback == nil else {
                throw TemplateError("parameter '\(parameter)' without a default follows one with a default")
            }
            parameters.append((parameter, fallback))
        }
        advance()
        try expect(.blockEnd)
        let body = try parseBody(until: ["endmacro"])
        advance()
        return .macro(Statement.Macro(name: name, parameters: parameters, body: body))
    }

    /// Reads what is left of an assignment or of a loop's `in`.
    private mutating func parseTarget(
        allowsMember: Bool, until end: String?
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
                targets.append(try parseTarget(allowsMember: allowsMember, until: nil))
                try expect(.symbol(")"))
            } else {
                let name = try expectName("a variable's name")
                guard !Self.constants.contains(name), !Self.keywords.contains(name) else {
                    throw TemplateError("cannot assign to '\(name)'")
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
