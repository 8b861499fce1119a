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
}

/// Which tokens of a vocabulary a grammar allows.
///
/// A vocabulary has many thousands of places, but few different states are met in them: states get numbers, and where a byte
/// leads from a state is found once and then looked up. What is kept is bounded; beyond it everything is computed anew.
final class GrammarAutomaton: Sendable {
    private struct Table {
        var numbers: [Grammar.State: Int32] = [:]
        var states: [Grammar.State] = []
        /// 256 for every state: the number of the next one, ``dead`` or ``unknown``.
        var next: [Int32] = []
        var masks: [Int32: [Int32]] = [:]
        var maskSize = 0
    }

    private static let unknown: Int32 = -1
    private static let dead: Int32 = -2
    private static let stateLimit = 4096
    /// Tokens in all masks that are kept.
    private static let maskLimit = 1 << 20

    let grammar: Grammar
    let vocabulary: TokenTrie
    private let table = Mutex(Table())

    init(_ grammar: Grammar, vocabulary: TokenTrie) {
        (self.grammar, self.vocabulary) = (grammar, vocabulary)
    }

    /// The tokens that are allowed in a state, in the order of the vocabulary's trie.
    func allowed(in state: Grammar.State) -> [Int32] {
        table.withLock { table in
            if table.states.count >= Self.stateLimit || table.maskSize >= Self.maskLimit { table = Table() }
            let start = number(of: state, &table)
            if let known = table.masks[start] { return known }
            var result: [Int32] = []
            var pending: [(node: Int, state: Int32)] = [(0, start)]
            while let (node, state) = pending.popLast() {
                result += vocabulary.nodes[node].tokens
                for child in vocabulary.nodes[node].children {
                    let next = step(state, child.byte, &table)
                    if next != Self.dead { pending.append((Int(child.node), next)) }
                }
            }
            table.masks[start] = result
            table.maskSize += result.count + 1
            return result
        }
    }

    private func step(_ state: Int32, _ byte: UInt8, _ table: inout Table) -> Int32 {
        let place = Int(state) << 8 | Int(byte)
        if table.next[place] == Self.unknown {
            let next = grammar.advance(table.states[Int(state)], byte)
            table.next[place] = next.isDead ? Self.dead : number(of: next, &table)
        }
        return table.next[place]
    }

    private func number(of state: Grammar.State, _ table: inout Table) -> Int32 {
        if let known = table.numbers[state] { return known }
        let new = Int32(table.states.count)
        table.numbers[state] = new
        table.states.append(state)
        table.next += repeatElement(Self.unknown, count: 256)
        return new
    }
}

/// Lets only such tokens follow as lead to a text of a grammar, and the end only where such a text ends.
///
/// Used on the inference thread alone. The states of the tokens before are kept, since guesses come and go.
final class GrammarConstraint: TokenConstraint, @unchecked Sendable {
    private let automaton: GrammarAutomaton
    private let endTokens: Set<Int>
    private var states: [Grammar.State]
    private var tokens: [Int] = []

    init(_ automaton: GrammarAutomaton, endTokens: Set<Int>) {
        self.automaton = automaton
        self.endTokens = endTokens
        states = [automaton.grammar.start]
    }

    func allowTokens(after output: [Int], in mask: inout TokenMask) {
        let state = state(after: output)
        let allowed = automaton.allowed(in: state)
        mask.setAll(false)
        for id in allowed { mask[Int(id)] = true }
        // Where nothing can follow, the text is over, even if the grammar did not foresee this end.
        if state.accepts || allowed.isEmpty { for id in endTokens { mask[id] = true } }
    }

    private func state(after output: [Int]) -> Grammar.State {
        var known = 0
        while known < min(tokens.count, output.count), tokens[known] == output[known] { known += 1 }
        tokens.removeSubrange(known...)
        states.removeSubrange((known + 1)...)
        for token in output[known...] {
            tokens.append(token)
            states.append(
                automaton.vocabulary.bytes(of: token).reduce(states[states.count - 1]) {
                    automaton.grammar.advance($0, $1)
                })
        }
        return states[states.count - 1]
    }
}
