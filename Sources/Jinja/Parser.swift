/// Makes statements of tokens. `ExpressionParser.swift` has the part for expressions.
///
/// ``Limits`` bounds the recursion. What the language does not have is an error that names it.
struct Parser {
    private let tokens: [Token]
    private var position = 0
    var expressionDepth = 0
    private var blockDepth = 0
    /// The number of loops around the current tag within the current macro or block.
    var loopDepth = 0
    /// The special names that the current macro or loop mentions.
    var mentions = Mentions()
    var blockNames: Set<ExactString> = []
    /// Filters and tests that do not exist. In a branch of a condition they are errors only if the branch runs, because a
    /// template may ask `'name' is filter` first. Elsewhere they are errors of the whole template.
    var unknownNames: [TemplateError] = []

    init(tokens: [Token]) { self.tokens = tokens }

    /// The whole template.
    mutating func parse() throws(TemplateError) -> [Statement] {
        let body = try parseStatements(until: [])
        guard current.kind == .end else { throw unexpected("a tag") }
        if let unknown = unknownNames.first { throw unknown }
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

    mutating func expectName(_ what: String) throws(TemplateError) -> ExactString {
        guard case .name(let name) = current.kind else { throw unexpected(what) }
        advance()
        return name
    }

    func unexpected(_ expected: String) -> TemplateError {
        TemplateError("found \(current.description), expected \(expected)")
    }

    // MARK: - Statements

    /// Reads the end of a tag and then statements, up to a tag with one of these names. The name is then the current token.
    mutating func parseBody(until ends: [ExactString]) throws(TemplateError) -> [Statement] {
        // Jinja allows a colon there, as Python has one.
        _ = skip(.symbol(":"))
        try expect(.blockEnd)
        return try parseStatements(until: ends)
    }

    private mutating func parseStatements(until ends: [ExactString]) throws(TemplateError) -> [Statement] {
        blockDepth += 1
        defer { blockDepth -= 1 }
        guard blockDepth <= Limits.blockDepth else { throw Limits.tooDeepBlock }
        var statements: [Statement] = []
        while true {
            switch current.kind {
            case .text(let text):
                statements.append(.text(text.text))
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
        let start = line
        let name = try expectName("a tag's name")
        switch name {
        case "for": return try parseLoop()
        case "if": return try parseChoice()
        case "set": return try parseSet()
        case "macro": return try parseMacro()
        case "call": return try parseCall(line: start)
        case "filter": return try parseFilterBlock()
        case "with": return try parseWith()
        case "autoescape": return try parseAutoescape()
        case "block": return try parseBlock()
        case "generation":
            let body = try parseBody(until: ["endgeneration"])
            advance()
            return .scope(body)
        case "break", "continue":
            guard loopDepth > 0 else { throw TemplateError("'{% \(name) %}' is outside of a loop") }
            return name == "break" ? .leaveLoop : .nextIteration
        default:
            if Self.inner.contains(name) { throw TemplateError("'{% \(name) %}' ends nothing here") }
            if let reason = Self.refused[name] { throw TemplateError("the tag '{% \(name) %}' \(reason)") }
            throw TemplateError("there is no tag '{% \(name) %}'")
        }
    }

    private mutating func parseLoop() throws(TemplateError) -> Statement {
        let target = try parseTarget(allowsMember: false)
        try expect(.name("in"))
        let sequence = try parseTuple(allowsConditional: false, until: "recursive")
        let condition = skip(.name("if")) ? try parseExpression() : nil
        let isRecursive = skip(.name("recursive"))
        loopDepth += 1
        let (body, mentioned) = try collectingMentions { (parser) throws(TemplateError) in
            try parser.parseBody(until: ["else", "endfor"])
        }
        loopDepth -= 1
        var otherwise: [Statement] = []
        if skip(.name("else")) { otherwise = try parseBody(until: ["endfor"]) }
        advance()
        return .loop(
            Statement.Loop(
                target: target, sequence: sequence, condition: condition, isRecursive: isRecursive,
                usesLoop: isRecursive || mentioned.contains("loop"), body: body, otherwise: otherwise))
    }

    private mutating func parseChoice() throws(TemplateError) -> Statement {
        let unknownCount = unknownNames.count
        var branches: [(condition: Expression, body: [Statement])] = []
        while true {
            let condition = try parseTuple(allowsConditional: false)
            branches.append((condition, try parseBody(until: ["elif", "else", "endif"])))
            if skip(.name("elif")) { continue }
            var otherwise: [Statement] = []
            if skip(.name("else")) { otherwise = try parseBody(until: ["endif"]) }
            advance()
            unknownNames.removeLast(unknownNames.count - unknownCount)
            return .choice(branches, otherwise: otherwise)
        }
    }

    private mutating func parseSet() throws(TemplateError) -> Statement {
        let start = line
        let target = try parseTarget(allowsMember: true)
        if skip(.symbol("=")) { return .set(target, try parseTuple()) }
        var filters: [FilterCall] = []
        while skip(.symbol("|")) { filters.append(try parseFilterCall()) }
        let body = try parseBody(until: ["endset"])
        advance()
        return .setBlock(target, filters: filters, body: body, line: start)
    }

    /// Tags that end another one or that stand within it.
    private static let inner: Set<ExactString> = [
        "endfor", "endif", "endset", "endmacro", "endcall", "endfilter", "endwith", "endautoescape", "endblock",
        "endgeneration", "endraw", "else", "elif",
    ]

    /// Tags of Jinja that are no part of this language, and why.
    private static let refused: [ExactString: String] = [
        "include": "is not supported: it needs another template, and a chat template is one text",
        "import": "is not supported: it needs another template, and a chat template is one text",
        "from": "is not supported: it needs another template, and a chat template is one text",
        "extends": "is not supported: it needs another template, and a chat template is one text",
        "do": "is not supported: it needs an extension that Transformers does not load",
        "trans": "is not supported: it needs an extension that Transformers does not load",
        "debug": "is not supported: it needs an extension that Transformers does not load",
    ]

    static let constants: Set<ExactString> = ["true", "false", "none", "True", "False", "None"]
    static let keywords: Set<ExactString> = ["and", "or", "not", "in", "is", "if", "else", "elif", "for"]
}
