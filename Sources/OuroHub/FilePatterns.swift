/// Which files of a model are wanted, by shell patterns: `*` is any text, slashes included, `?` one character, `[a-c]` one of
/// several, and `folder/` all that is in it.
public struct FilePatterns: Sendable {
    public var include: [String]
    public var exclude: [String]

    /// Weights as safetensors, configuration, tokenizer, chat template and licence.
    public static let defaultInclude = [
        "*.safetensors", "*.json", "*.jinja", "tokenizer*", "vocab*", "merges.txt", "LICENSE*",
    ]
    /// The same without weights.
    public static let withoutWeights = FilePatterns(exclude: ["*.safetensors", "*.safetensors.index.json"])

    public init(include: [String] = defaultInclude, exclude: [String] = []) {
        self.include = include
        self.exclude = exclude
    }

    func matches(_ path: String) -> Bool {
        include.contains { Self.match($0, path) } && !exclude.contains { Self.match($0, path) }
    }

    static func match(_ pattern: String, _ path: String) -> Bool {
        let pattern = Array((pattern.hasSuffix("/") ? pattern + "*" : pattern).unicodeScalars)
        let text = Array(path.unicodeScalars)
        // Where the last star stood, and how much of the text it has taken: on a mismatch it takes one more.
        var star: (pattern: Int, text: Int)?
        var (p, t) = (0, 0)
        while t < text.count {
            if p < pattern.count, pattern[p] == "*" {
                star = (p, t)
                p += 1
            } else if p < pattern.count, let next = step(pattern, p, text[t]) {
                (p, t) = (next, t + 1)
            } else if let last = star {
                star = (last.pattern, last.text + 1)
                (p, t) = (last.pattern + 1, last.text + 1)
            } else {
                return false
            }
        }
        return pattern[p...].allSatisfy { $0 == "*" }
    }

    /// The place after an element of the pattern that accepts the character; nil if it does not.
    private static func step(_ pattern: [Unicode.Scalar], _ start: Int, _ scalar: Unicode.Scalar) -> Int? {
        if pattern[start] == "?" { return start + 1 }
        let first = start + 1
        guard pattern[start] == "[", first < pattern.count,
            let end = pattern[min(first + 1, pattern.count)...].firstIndex(of: "]")
        else { return pattern[start] == scalar ? start + 1 : nil }
        let isNegated = pattern[first] == "!"
        var index = isNegated ? first + 1 : first
        var isIn = false
        while index < end {
            if index + 2 < end, pattern[index + 1] == "-" {
                isIn = isIn || (pattern[index] <= scalar && scalar <= pattern[index + 2])
                index += 3
            } else {
                isIn = isIn || pattern[index] == scalar
                index += 1
            }
        }
        return isIn != isNegated ? end + 1 : nil
    }
}
