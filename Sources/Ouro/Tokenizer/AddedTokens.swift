/// A token that is searched for in the text itself, before the text is split into words.
struct AddedToken: Sendable, Equatable {
    var id: Int
    var content: String
    var isSpecial: Bool
    /// Whether the token is ignored next to a word character.
    var isSingleWord: Bool
    /// Whether the token includes the whitespace before it.
    var stripsLeft: Bool
    /// Whether the token includes the whitespace after it.
    var stripsRight: Bool
}

/// Finds added tokens in a text: the leftmost first, and the longest of those that begin at the same place.
///
/// The tokens form a trie over their UTF-8 bytes. The time for each place therefore does not depend on the number of
/// tokens.
struct AddedTokens: Sendable {
    /// A part of a text: an added token, or a range of bytes.
    enum Part: Sendable, Equatable {
        case token(Int)
        case text(Range<Int>)
    }

    private let tokens: [AddedToken]
    /// Child nodes, by `node << 8 | byte`. Node 0 is the root.
    private var children: [Int: Int] = [:]
    /// The index in `tokens` of the token that ends at each node.
    private var ends: [Int?] = [nil]
    private var isFirstByte = [Bool](repeating: false, count: 256)

    /// - Parameter tokens: the tokens. Their contents must be different and not empty.
    init(_ tokens: [AddedToken]) {
        self.tokens = tokens
        for (index, token) in tokens.enumerated() {
            var node = 0
            for byte in token.content.utf8 {
                if node == 0 { isFirstByte[Int(byte)] = true }
                if let child = children[node << 8 | Int(byte)] {
                    node = child
                } else {
                    children[node << 8 | Int(byte)] = ends.count
                    node = ends.count
                    ends.append(nil)
                }
            }
            ends[node] = index
        }
    }

    /// Splits `text[range]`. Overlaps and whitespace are handled exactly as in the reference implementation.
    ///
    /// - Parameters:
    ///   - text: UTF-8 bytes.
    ///   - range: the bytes to split.
    ///   - parsingSpecialTokens: whether special tokens are found. If not, they are plain text.
    ///   - markers: whether a scalar before `Tokenizer.literalMarker` cannot begin a token.
    ///   - parts: receives the parts, in order.
    func split(
        _ text: [UInt8], _ range: Range<Int>, parsingSpecialTokens: Bool, markers: Bool, into parts: inout [Part]
    ) {
        guard !tokens.isEmpty else {
            if !range.isEmpty { parts.append(.text(range)) }
            return
        }
        let classes = ScalarClasses.shared
        var done = range.lowerBound
        var position = range.lowerBound
        // The whitespace that the last token included on its right. Tokens inside it are found nevertheless.
        var whitespace = 0..<0
        while position < range.upperBound {
            guard isFirstByte[Int(text[position])],
                let (index, end) = longest(in: text, position..<range.upperBound),
                !(markers && Tokenizer.isMarked(position, in: text))
            else {
                position += 1
                continue
            }
            var start = position
            var stop = end
            // The search goes on after the token even if the token is rejected.
            position = end
            let token = tokens[index]
            if token.isSpecial, !parsingSpecialTokens { continue }
            if token.isSingleWord, Self.touchesWord(start..<stop, of: range, in: text, classes) { continue }
            if token.stripsLeft {
                while start > done {
                    let before = classes.start(before: start, in: text, from: done)
                    guard classes.at(before, in: text).value & ScalarClasses.whitespace != 0 else { break }
                    start = before
                }
                start = max(start, done)
            }
            if token.stripsRight {
                if !whitespace.contains(stop) {
                    let first = stop
                    while stop < range.upperBound {
                        let scalar = classes.at(stop, in: text)
                        guard scalar.value & ScalarClasses.whitespace != 0 else { break }
                        stop += scalar.length
                    }
                    whitespace = first..<stop
                }
                stop = whitespace.upperBound
            }
            if done < start { parts.append(.text(done..<start)) }
            parts.append(.token(token.id))
            done = stop
        }
        if done < range.upperBound { parts.append(.text(done..<range.upperBound)) }
    }

    /// Whether a token begins at `position`, or would begin there if more text followed.
    func mayBegin(at position: Int, in text: [UInt8]) -> Bool {
        guard isFirstByte[Int(text[position])] else { return false }
        var node = 0
        for byte in text[position...] {
            guard let child = children[node << 8 | Int(byte)] else { return false }
            if ends[child] != nil { return true }
            node = child
        }
        return true
    }

    /// The longest token at the start of a range.
    private func longest(in text: [UInt8], _ range: Range<Int>) -> (index: Int, end: Int)? {
        var found: (index: Int, end: Int)?
        var node = 0
        for position in range {
            guard let child = children[node << 8 | Int(text[position])] else { break }
            if let index = ends[child] { found = (index, position + 1) }
            node = child
        }
        return found
    }

    /// Whether a word character precedes or follows a token.
    private static func touchesWord(
        _ match: Range<Int>, of range: Range<Int>, in text: [UInt8], _ classes: ScalarClasses
    ) -> Bool {
        if match.lowerBound > range.lowerBound {
            let before = classes.start(before: match.lowerBound, in: text, from: range.lowerBound)
            if classes.at(before, in: text).value & ScalarClasses.word != 0 { return true }
        }
        guard match.upperBound < range.upperBound else { return false }
        return classes.at(match.upperBound, in: text).value & ScalarClasses.word != 0
    }
}
