/// Splits text into words. Byte pairs merge only within a word. All positions are offsets into valid UTF-8.
struct PreTokenizer: Sendable, Equatable {
    /// The effect of the `Digits` step.
    enum DigitSplitting: Sendable, Equatable {
        /// Digits are not split.
        case none
        /// A run of digits is a piece of its own.
        case runs
        /// Every digit is a piece of its own.
        case individual
    }

    /// The effect of the `ByteLevel` step.
    struct ByteLevel: Sendable, Equatable {
        /// Whether a space is added to every piece that does not begin with one.
        var addsPrefixSpace: Bool
        /// Whether pieces are split by GPT-2's regular expression.
        var splitsWords: Bool
    }

    var digits = DigitSplitting.none
    /// Nil for a vocabulary of characters instead of bytes.
    var byteLevel: ByteLevel?

    /// The end of the first piece of `text[range]` after the `Digits` step.
    func pieceEnd(in text: [UInt8], _ range: Range<Int>, _ classes: ScalarClasses) -> Int {
        guard digits != .none else { return range.upperBound }
        let first = classes.at(range.lowerBound, in: text)
        let isDigit = first.value & ScalarClasses.digit
        var position = range.lowerBound + first.length
        if isDigit != 0, digits == .individual { return position }
        while position < range.upperBound {
            let scalar = classes.at(position, in: text)
            guard scalar.value & ScalarClasses.digit == isDigit else { break }
            position += scalar.length
        }
        return position
    }

    /// The end of the first word of the piece `text[range]` by GPT-2's expression `'s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+|
    /// ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+`.
    ///
    /// Every scalar belongs to one of its classes, so there are no gaps between words.
    static func wordEnd(in text: [UInt8], _ range: Range<Int>, _ classes: ScalarClasses) -> Int {
        let start = range.lowerBound
        let first = text[start]
        if first == UInt8(ascii: "'") {
            let length = contractionLength(in: text, range)
            if length > 0 { return start + length }
        }
        if first == UInt8(ascii: " "), start + 1 < range.upperBound {
            let second = classes.at(start + 1, in: text)
            let kind = second.value & ScalarClasses.kinds
            if kind != ScalarClasses.whitespace {
                return runEnd(of: kind, in: text, start + 1 + second.length..<range.upperBound, classes)
            }
        }
        let scalar = classes.at(start, in: text)
        let kind = scalar.value & ScalarClasses.kinds
        let end = runEnd(of: kind, in: text, start + scalar.length..<range.upperBound, classes)
        guard kind == ScalarClasses.whitespace, end < range.upperBound else { return end }
        // The last scalar of a run of whitespace belongs to the word that follows, unless the run has only one scalar.
        let last = classes.start(before: end, in: text, from: start)
        return last > start ? last : end
    }

    /// The end of a run of scalars of one kind.
    private static func runEnd(
        of kind: UInt8, in text: [UInt8], _ range: Range<Int>, _ classes: ScalarClasses
    ) -> Int {
        var position = range.lowerBound
        while position < range.upperBound {
            let scalar = classes.at(position, in: text)
            guard scalar.value & ScalarClasses.kinds == kind else { break }
            position += scalar.length
        }
        return position
    }

    /// The length of `'s`, `'t`, `'re`, `'ve`, `'m`, `'ll` or `'d` at the start of a range; 0 if there is none.
    private static func contractionLength(in text: [UInt8], _ range: Range<Int>) -> Int {
        guard range.count > 1 else { return 0 }
        let second = text[range.lowerBound + 1]
        switch second {
        case UInt8(ascii: "s"), UInt8(ascii: "t"), UInt8(ascii: "m"), UInt8(ascii: "d"): return 2
        case UInt8(ascii: "r"), UInt8(ascii: "v"), UInt8(ascii: "l"):
            guard range.count > 2 else { return 0 }
            let third = UInt8(ascii: second == UInt8(ascii: "l") ? "l" : "e")
            return text[range.lowerBound + 2] == third ? 3 : 0
        default: return 0
        }
    }
}
