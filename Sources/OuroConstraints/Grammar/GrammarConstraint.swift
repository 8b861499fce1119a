import Ouro

/// Restricts the output of one request to a grammar. A token is allowed if the text can still be completed. An end
/// token is allowed only where a text of the grammar ends.
///
/// Only the inference thread uses it. It keeps the state after every token, because a rejected guess takes the output
/// back to an earlier token.
final class GrammarConstraint: TokenConstraint, @unchecked Sendable {
    private let grammar: CompiledGrammar
    private var trail = CompiledGrammar.Trail()

    init(_ grammar: CompiledGrammar) { self.grammar = grammar }

    func allowTokens(after output: [Int], in mask: inout TokenMask) throws(OuroError) {
        mask = try grammar.mask(after: output, &trail)
    }

    func prepare(after output: [Int]) { grammar.prepareMask(after: output, trail) }
}
