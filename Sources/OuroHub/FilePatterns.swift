/// Selects files of a model by shell patterns.
///
/// `*` matches any text, slashes included. `?` matches one character. `[a-c]` matches one of several characters. `folder/`
/// matches all files in a folder.
public struct FilePatterns: Sendable {
    /// A file is selected if one of these patterns matches it.
    public var include: [String]
    /// A file is not selected if one of these patterns matches it.
    public var exclude: [String]

    /// The files of a model: weights as safetensors, configuration, tokenizer, chat template and licence.
    public static let defaultInclude = [
        "*.safetensors", "*.json", "*.jinja", "tokenizer*", "vocab*", "merges.txt", "LICENSE*",
    ]
    /// The files of a model without its weights.
    public static let withoutWeights = FilePatterns(exclude: ["*.safetensors", "*.safetensors.index.json"])

    /// Selects the files that match `include` and do not match `exclude`.
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
        // The place of the last star, and the end of the text that it matches. On a mismatch it matches one more character.
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

    /// The place after an element of the pattern, if the element matches the character. Nil if it does not.
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
