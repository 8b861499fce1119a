import Ouro

/// Restricts the output of one request to a grammar. A token is allowed if the text can still be completed. An end
/// token is allowed only where a text of the grammar ends.
///
/// Only the inference thread uses it. It keeps the state after every token, because a rejected guess takes the output
/// back to an earlier token.
final class GrammarConstraint: TokenConstraint, @unchecked Sendable {
    private let grammar: CompiledGrammar
    private var tokens: [Int] = []
    /// The state before the first token, and the one after every token.
    private var states: [Grammar.State]

    init(_ grammar: CompiledGrammar) {
        self.grammar = grammar
        states = [grammar.grammar.start]
    }

    func allowTokens(after output: [Int], in mask: inout TokenMask) {
        let state = state(after: output)
        let allowed = grammar.allowed(in: state)
        mask.setAll(false)
        for id in allowed { mask[Int(id)] = true }
        // If no token can follow, the text ends, even if the grammar would continue.
        if state.accepts || allowed.isEmpty { for id in grammar.endTokens { mask[id] = true } }
    }

    private func state(after output: [Int]) -> Grammar.State {
        var known = 0
        while known < min(tokens.count, output.count), tokens[known] == output[known] { known += 1 }
        tokens.removeSubrange(known...)
        states.removeSubrange((known + 1)...)
        for token in output[known...] {
            tokens.append(token)
            states.append(
                grammar.vocabulary.bytes(of: token).reduce(states[states.count - 1]) {
                    grammar.grammar.advance($0, $1)
                })
        }
        return states[states.count - 1]
    }
}
