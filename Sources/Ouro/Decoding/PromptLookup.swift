/// Proposes draft tokens by prompt lookup: the tokens that followed the longest earlier occurrence of the last few
/// tokens.
struct PromptLookup: Sendable {
    /// Most tokens to propose at once.
    let limit: Int
    private var tokens: [Int]
    // The last occurrences of each pair of tokens: the positions after them.
    private var pairs: [Pair: [Int]] = [:]

    private struct Pair: Hashable {
        let first: Int
        let second: Int
    }

    /// Most tokens to compare.
    private static let longest = 8
    /// Most occurrences to keep for each pair.
    private static let remembered = 4

    init(prompt: [Int], limit: Int) {
        self.limit = limit
        tokens = []
        guard limit > 0 else { return }
        for token in prompt { append(token) }
    }

    /// Appends a final token.
    mutating func append(_ token: Int) {
        guard limit > 0 else { return }
        tokens.append(token)
        guard tokens.count >= 2 else { return }
        let pair = Pair(first: tokens[tokens.count - 2], second: token)
        pairs[pair] = (pairs[pair] ?? []).suffix(Self.remembered - 1) + [tokens.count]
    }

    /// The proposed tokens after the final tokens and the `pending` guesses. Empty if the last pair of tokens is new.
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
