import Ouro

/// Formats tokens for log-probabilities.
struct TokenText {
    let tokenizer: Tokenizer?

    func text(_ id: Int) -> String { tokenizer?.decode([id]) ?? "\(id)" }

    func bytes(_ id: Int) -> JSONOutput { tokenizer?.bytes(of: id).map { .ints($0.map(Int.init)) } ?? .null }

    /// Maps the texts of the most likely tokens, and of the token itself, to log-probabilities. If two tokens have the same
    /// text, the larger value stays.
    func map(_ alternatives: [TokenAlternative], count: Int, token: Int, _ logProbability: Float) -> JSONOutput {
        var members: [(String, JSONOutput)] = []
        var seen: Set<ExactString> = []
        let own = TokenAlternative(id: token, logProbability: logProbability)
        for entry in alternatives.prefix(count) + [own] where seen.insert(ExactString(text(entry.id))).inserted {
            members.append((text(entry.id), .float(entry.logProbability)))
        }
        return .members(members)
    }

    /// The entry of one token in the format of chat completions.
    func content(_ token: Int, _ logProbability: Float, alternatives: ArraySlice<TokenAlternative>?) -> JSONOutput {
        var members: [(String, JSONOutput)] = [
            ("token", .string(text(token))), ("logprob", .float(logProbability)), ("bytes", bytes(token)),
        ]
        if let alternatives {
            members.append(
                ("top_logprobs", .array(alternatives.map { content($0.id, $0.logProbability, alternatives: nil) })))
        }
        return .members(members)
    }
}
