extension GrammarBuilder {
    /// Adds a grammar as a rule, so that a larger grammar can contain it: a JSON schema between two marks, for example.
    ///
    /// - Parameters:
    ///   - grammar: the grammar. Its texts are the texts of the rule.
    /// - Returns: a rule that is defined already.
    public mutating func embed(_ grammar: Grammar) -> Rule {
        let rule = declareRule()
        splice(grammar.program, as: rule)
        return rule
    }
}
