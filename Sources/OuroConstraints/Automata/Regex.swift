import Ouro

extension Automaton {
    /// Makes the automaton of a regular expression.
    ///
    /// - Parameters:
    ///   - pattern: the expression, in the notation of ECMA 262.
    ///   - isSearch: whether a text matches if a part of it does, as JSON schemas say. Otherwise the whole text must
    ///     match.
    ///   - budget: pays for the work.
    ///   - place: the field of errors.
    /// - Throws: `OuroError` with code `unsupported` for a part of the notation that is not supported, and
    ///   `invalidRequest` for a malformed or too large expression.
    init(
        regex pattern: String, isSearch: Bool, _ budget: inout CompileBudget, place: String
    ) throws(OuroError) {
        try budget.take(pattern.utf8.count, for: place)
        var parser = RegexParser(pattern, place: place)
        let expression = try parser.parse()
        self = try Automaton(expression, isSearch: isSearch, &budget, place: place)
        for lookahead in parser.lookaheads {
            var condition = try Automaton(lookahead.expression, isSearch: true, &budget, place: place)
            if lookahead.isNegative { condition = try condition.complement(&budget, place: place) }
            self = try intersection(condition, &budget, place: place)
        }
    }
}

extension Grammar {
    /// Makes the grammar of the texts that match a regular expression as a whole.
    ///
    /// The notation is that of ECMA 262, which JSON schemas use: literals, classes, `.`, `\d \w \s` and their negations,
    /// escapes, groups, alternatives, and quantifiers. The anchors `^` and `$` may be written, but are not needed. A
    /// lookahead may stand only at the start, after `^`.
    ///
    /// - Parameters:
    ///   - regex: the expression.
    /// - Throws: `OuroError` with code `unsupported` for lookbehind, other lookaheads, backreferences, word boundaries,
    ///   Unicode properties and flags. It has code `invalidRequest` if the expression is malformed, matches no text, or
    ///   needs too large an automaton. The error's field is `regex`.
    public init(regex: String) throws(OuroError) {
        var budget = CompileBudget()
        let automaton = try Automaton(regex: regex, isSearch: false, &budget, place: "regex")
        guard !automaton.isEmpty else { throw OuroError(.invalidRequest, field: "regex", "no text matches it") }
        var builder = GrammarBuilder()
        var characters = CharacterRules()
        let rule = builder.declareRule()
        try characters.define(rule, automaton, .utf8, &builder, &budget, place: "regex")
        guard !builder.isTooLarge else { throw OuroError(.invalidRequest, field: "regex", "it is too large") }
        self = try builder.finish(rule)
    }

    /// Makes the grammar of a list of texts.
    ///
    /// - Parameters:
    ///   - choices: the texts.
    /// - Throws: `OuroError` with code `invalidRequest` and field `choices` if the list is empty, or if the texts are
    ///   too many or too long: more than 262,144 instructions or 4 MiB.
    public init(choices: [String]) throws(OuroError) {
        guard !choices.isEmpty else {
            throw OuroError(.invalidRequest, field: "choices", "expected at least one text, found none")
        }
        var builder = GrammarBuilder()
        let rule = builder.declareRule()
        builder.define(rule) { builder in builder.choice(choices.map { text in { $0.literal(text) } }) }
        guard !builder.isTooLarge else {
            throw OuroError(.invalidRequest, field: "choices", "the texts are too many or too long")
        }
        self = try builder.finish(rule)
    }
}
