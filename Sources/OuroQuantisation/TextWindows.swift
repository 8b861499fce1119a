import Ouro

/// Splits a long text into independent windows.
enum TextWindows {
    /// Windows of at most `length` tokens. Together they have at most `limit` tokens, spread evenly over the text.
    static func split(_ tokens: [Int], length: Int, limit: Int) -> [[Int]] {
        let count = min(tokens.count, limit)
        guard count > 0, length > 0 else { return [] }
        if tokens.count <= limit {
            return stride(from: 0, to: tokens.count, by: length).map {
                Array(tokens[$0..<min($0 + length, tokens.count)])
            }
        }
        let size = min(length, count)
        let pieces = count / size
        return (0..<pieces).map { piece in
            let start = pieces == 1 ? 0 : (tokens.count - size) / (pieces - 1) * piece
            return Array(tokens[start..<start + size])
        }
    }
}
