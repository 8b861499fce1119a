import Ouro
import Synchronization

/// All tokens of a vocabulary by their bytes, so that what a grammar rules out is ruled out for many tokens at once. Special
/// tokens are not in it.
final class TokenTrie: Sendable {
    struct Node: Sendable {
        var children: [(byte: UInt8, node: Int32)] = []
        var tokens: [Int32] = []
    }

    let nodes: [Node]
    let size: Int
    private let bytes: [[UInt8]]

    init(_ tokenizer: Tokenizer, size: Int) {
        var nodes = [Node()]
        var all = [[UInt8]](repeating: [], count: size)
        for id in 0..<size where !tokenizer.isSpecial(id) {
            guard let bytes = tokenizer.bytes(of: id), !bytes.isEmpty else { continue }
            all[id] = bytes
            var place = 0
            for byte in bytes {
                if let child = nodes[place].children.first(where: { $0.byte == byte }) {
                    place = Int(child.node)
                } else {
                    nodes[place].children.append((byte, Int32(nodes.count)))
                    place = nodes.count
                    nodes.append(Node())
                }
            }
            nodes[place].tokens.append(Int32(id))
        }
        self.nodes = nodes
        self.size = size
        bytes = all
    }

    func bytes(of id: Int) -> [UInt8] { bytes.indices.contains(id) ? bytes[id] : [] }

    /// The tokens that a grammar allows in a state.
    func allowed(_ grammar: Grammar, _ state: Grammar.State) -> [Int32] {
        var result: [Int32] = []
        var pending: [(node: Int, state: Grammar.State)] = [(0, state)]
        while let (node, state) = pending.popLast() {
            result += nodes[node].tokens
            for child in nodes[node].children {
                let next = grammar.advance(state, child.byte)
                if !next.threads.isEmpty || next.accepts { pending.append((Int(child.node), next)) }
            }
        }
        return result
    }
}

/// Lets only such tokens follow as lead to a text of a grammar, and the end only where such a text ends.
///
/// Used on the inference thread alone. The states of the tokens before are kept, since guesses come and go; and what a
/// state allows, since most tokens of a string leave its state as it is.
final class GrammarConstraint: TokenConstraint, @unchecked Sendable {
    private let grammar: Grammar
    private let vocabulary: TokenTrie
    private let endTokens: Set<Int>
    private var states: [Grammar.State]
    private var tokens: [Int] = []
    private var masks: [Grammar.State: [Int32]] = [:]

    /// Masks that are kept.
    private static let maskLimit = 128

    init(_ grammar: Grammar, vocabulary: TokenTrie, endTokens: Set<Int>) {
        self.grammar = grammar
        self.vocabulary = vocabulary
        self.endTokens = endTokens
        states = [grammar.start]
    }

    func restrict(_ logits: UnsafeMutableBufferPointer<Float>, after output: [Int]) {
        let state = state(after: output)
        let allowed = masks[state] ?? vocabulary.allowed(grammar, state)
        if masks[state] == nil {
            if masks.count >= Self.maskLimit { masks.removeAll() }
            masks[state] = allowed
        }
        // Where nothing can follow the text is over, though it may be an end that was not foreseen.
        let ends = state.accepts || allowed.isEmpty
        var kept: [(Int, Float)] = []
        kept.reserveCapacity(allowed.count + endTokens.count)
        for id in allowed where Int(id) < logits.count { kept.append((Int(id), logits[Int(id)])) }
        if ends { for id in endTokens where id < logits.count { kept.append((id, logits[id])) } }
        logits.update(repeating: -.infinity)
        for (id, logit) in kept { logits[id] = logit }
    }

    private func state(after output: [Int]) -> Grammar.State {
        var known = 0
        while known < min(tokens.count, output.count), tokens[known] == output[known] { known += 1 }
        tokens.removeSubrange(known...)
        states.removeSubrange((known + 1)...)
        for token in output[known...] {
            tokens.append(token)
            states.append(vocabulary.bytes(of: token).reduce(states[states.count - 1]) { grammar.advance($0, $1) })
        }
        return states[states.count - 1]
    }
}
