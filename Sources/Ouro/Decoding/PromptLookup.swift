/// Proposes what may come next from what came before: the continuation of the longest earlier occurrence of the last few
/// tokens (prompt-lookup decoding).
struct PromptLookup: Sendable {
    /// Tokens proposed at most.
    let limit: Int
    private var tokens: [Int]
    // Where each pair of tokens was seen last: the position after it.
    private var pairs: [Pair: [Int]] = [:]

    private struct Pair: Hashable {
        let first: Int
        let second: Int
    }

    private static let longest = 8
    private static let remembered = 4

    init(prompt: [Int], limit: Int) {
        self.limit = limit
        tokens = []
        guard limit > 0 else { return }
        for token in prompt { append(token) }
    }

    /// Takes note of a final token.
    mutating func append(_ token: Int) {
        guard limit > 0 else { return }
        tokens.append(token)
        guard tokens.count >= 2 else { return }
        let pair = Pair(first: tokens[tokens.count - 2], second: token)
        pairs[pair] = (pairs[pair] ?? []).suffix(Self.remembered - 1) + [tokens.count]
    }

    /// What may follow the final tokens and `pending` guesses after them; empty if their last two tokens are new.
    func proposal(after pending: [Int]) -> [Int] {
        guard limit > 0 else { return [] }
        let total = tokens.count + pending.count
        guard total >= 2 else { return [] }
        func token(_ index: Int) -> Int { index < tokens.count ? tokens[index] : pending[index - tokens.count] }
        let pair = Pair(first: token(total - 2), second: token(total - 1))
        var best: (length: Int, start: Int)?
        for start in (pairs[pair] ?? []).reversed() where start < tokens.count {
            var length = 2
            while length < Self.longest, start - length > 0, token(total - 1 - length) == tokens[start - 1 - length] {
                length += 1
            }
            if length > best?.length ?? 0 { best = (length, start) }
        }
        guard let best else { return [] }
        return Array(tokens[best.start..<min(best.start + limit, tokens.count)])
    }
}
