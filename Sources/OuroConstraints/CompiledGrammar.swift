import Ouro
import Synchronization

/// A grammar compiled for one vocabulary. It tells which tokens may follow in each state.
///
/// A `ConstraintCompiler` makes it. Any number of requests can use it, also concurrently.
///
/// A text passes through many states, but few of them differ. States get numbers, and the transition from a state by a
/// byte is computed once and then looked up. The size of the tables is bounded: full tables are cleared and filled
/// again.
public final class CompiledGrammar: Sendable {
    private struct Table {
        var numbers: [Grammar.State: Int32] = [:]
        var states: [Grammar.State] = []
        /// The transitions of every state, 256 entries each: the number of the next state, `dead` or `unknown`.
        var next: [Int32] = []
        /// The tokens that may follow, by state.
        var allowed: [Int32: [Int32]] = [:]
        /// The size of `allowed`: the tokens of all lists, plus one for each list.
        var allowedCount = 0
    }

    private static let unknown: Int32 = -1
    private static let dead: Int32 = -2
    private static let stateLimit = 4096
    private static let allowedLimit = 1 << 20

    let grammar: Grammar
    let vocabulary: TokenTrie
    let endTokens: Set<Int>
    private let table = Mutex(Table())

    init(_ grammar: Grammar, vocabulary: TokenTrie, endTokens: Set<Int>) {
        (self.grammar, self.vocabulary, self.endTokens) = (grammar, vocabulary, endTokens)
    }

    /// Makes a constraint for one request. A constraint keeps the request's tokens, so every request and every choice
    /// needs its own.
    public func makeConstraint() -> any TokenConstraint { GrammarConstraint(self) }

    /// The tokens that may follow in a state, in the order of the vocabulary's trie.
    func allowed(in state: Grammar.State) -> [Int32] {
        table.withLock { table in
            if table.states.count >= Self.stateLimit || table.allowedCount >= Self.allowedLimit { table = Table() }
            let start = number(of: state, &table)
            if let known = table.allowed[start] { return known }
            var result: [Int32] = []
            var pending: [(node: Int, state: Int32)] = [(0, start)]
            while let (node, state) = pending.popLast() {
                result += vocabulary.nodes[node].tokens
                for child in vocabulary.nodes[node].children {
                    let next = step(state, child.byte, &table)
                    if next != Self.dead { pending.append((Int(child.node), next)) }
                }
            }
            table.allowed[start] = result
            table.allowedCount += result.count + 1
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
