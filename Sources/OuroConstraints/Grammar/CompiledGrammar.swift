import Dispatch
import Ouro
import Synchronization

/// A grammar compiled for one vocabulary. It tells which tokens may follow in each state.
///
/// A `ConstraintCompiler` makes it. Any number of requests can use it, also concurrently. They share its states and
/// masks: the mask of a state is computed once.
///
/// The work for one mask is limited. The size of the tables is limited too: full tables are cleared and filled again.
public final class CompiledGrammar: Sendable {
    /// The states after each token of one text. They are valid while `epoch` is the table's.
    struct Trail {
        fileprivate var epoch = -1
        fileprivate var tokens: [Int] = []
        /// The state before the first token, and the one after every token.
        fileprivate var states: [Int32] = []
    }

    private struct Shared {
        var table: StateTable
        /// The number of times that the table was cleared.
        var epoch = 0
        var masks: [Int32: Result<TokenMask, OuroError>] = [:]
        /// The number of masks computed so far, for tests.
        var computedMasks = 0
    }

    /// The largest number of bytes of all masks.
    private static let maskLimit = 8 << 20

    let grammar: Grammar
    let vocabulary: TokenTrie
    let endTokens: Set<Int>
    private let shared: Mutex<Shared>
    /// Computes masks before they are needed.
    private let helper = DispatchQueue(label: "ouro-masks", qos: .userInitiated)

    init(_ grammar: Grammar, vocabulary: TokenTrie, endTokens: Set<Int>) {
        (self.grammar, self.vocabulary, self.endTokens) = (grammar, vocabulary, endTokens)
        shared = Mutex(Shared(table: StateTable(grammar.program)))
    }

    /// Makes a constraint for one request. A constraint keeps the request's tokens, so every request and every choice
    /// needs its own.
    public func makeConstraint() -> any TokenConstraint { GrammarConstraint(self) }

    /// An estimate of the memory of the program, states and masks in bytes.
    var byteCount: Int {
        grammar.program.byteCount
            + shared.withLock { $0.table.byteCount + $0.masks.count * (vocabulary.size / 8 + 64) }
    }

    /// The number of masks computed so far.
    var computedMasks: Int { shared.withLock { $0.computedMasks } }

    /// The tokens that may follow a text.
    ///
    /// - Parameters:
    ///   - output: the tokens of the text.
    ///   - trail: the states of an earlier text of the same request. It becomes the trail of this one.
    /// - Throws: `OuroError` with code `invalidRequest` if no text of the grammar begins like this, if no token of the
    ///   vocabulary continues it, or if the work or the nesting exceeds its limit.
    func mask(after output: [Int], _ trail: inout Trail) throws(OuroError) -> TokenMask {
        try shared.withLock { shared in
            Result { () throws(OuroError) in
                let state = try follow(output, &trail, &shared)
                return try mask(state, &shared)
            }
        }.get()
    }

    /// Computes the mask after a text on another thread, unless it is known. The caller does not wait. Errors are
    /// reported by `mask(after:_:)`.
    func prepareMask(after output: [Int], _ trail: Trail) {
        helper.async { [self] in
            var trail = trail
            _ = try? mask(after: output, &trail)
        }
    }

    /// The state after a text.
    private func follow(_ output: [Int], _ trail: inout Trail, _ shared: inout Shared) throws(OuroError) -> Int32 {
        if shared.table.isFull || shared.masks.count * (vocabulary.size / 8) > Self.maskLimit {
            shared.table = StateTable(grammar.program)
            shared.epoch += 1
            shared.masks = [:]
        }
        if trail.epoch != shared.epoch {
            trail = Trail(epoch: shared.epoch, tokens: [], states: [])
        }
        var known = 0
        while known < min(trail.tokens.count, output.count), trail.tokens[known] == output[known] { known += 1 }
        trail.tokens.removeSubrange(known...)
        if trail.states.isEmpty {
            (shared.table.work, shared.table.limit) = (0, StateTable.workLimit)
            trail.states = [try shared.table.start()]
        }
        trail.states.removeSubrange((known + 1)...)
        var state = trail.states[known]
        for token in output[known...] {
            (shared.table.work, shared.table.limit) = (0, StateTable.workLimit)
            let bytes = vocabulary.bytes(of: token)
            if bytes.isEmpty { state = StateTable.dead }
            for byte in bytes { state = try shared.table.next(state, byte) }
            trail.tokens.append(token)
            trail.states.append(state)
        }
        return state
    }

    private func mask(_ state: Int32, _ shared: inout Shared) throws(OuroError) -> TokenMask {
        if let known = shared.masks[state] { return try known.get() }
        let result = Result { () throws(OuroError) in try computeMask(state, &shared.table) }
        shared.masks[state] = result
        shared.computedMasks += 1
        return try result.get()
    }

    private func computeMask(_ start: Int32, _ table: inout StateTable) throws(OuroError) -> TokenMask {
        guard start != StateTable.dead else {
            throw OuroError(.invalidRequest, field: "grammar", "no text of the grammar begins like the output")
        }
        (table.work, table.limit) = (0, StateTable.workLimit + 2 * vocabulary.nodes.count)
        var mask = TokenMask(vocabularySize: vocabulary.size, allowsAll: false)
        var isEmpty = true
        // The states before the byte of every node on the way to the present one.
        var states = [Int32](repeating: start, count: vocabulary.longest + 1)
        var index = 0
        while index < vocabulary.nodes.count {
            let node = vocabulary.nodes[index]
            let depth = Int(node.depth)
            let next = try table.next(states[depth], node.byte)
            if next == StateTable.dead {
                index = Int(node.end)
                continue
            }
            states[depth + 1] = next
            for token in vocabulary.tokens[Int(node.tokens.lowerBound)..<Int(node.tokens.upperBound)] {
                mask[Int(token)] = true
                isEmpty = false
            }
            index += 1
        }
        if table.accepts(start) {
            for id in endTokens { mask[id] = true }
        } else if isEmpty {
            throw OuroError(
                .unsupported, field: "grammar", "no token of the vocabulary continues the text as the grammar requires")
        }
        return mask
    }
}
