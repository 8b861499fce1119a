extension Tokenizer {
    /// Encodes a text into tokens, like the reference implementation's `encode(...).ids`.
    ///
    /// - Parameters:
    ///   - text: the text.
    ///   - parsingSpecialTokens: whether special tokens in the text become control tokens. If not, they are encoded as
    ///     plain text (the reference implementation's `encode_special_tokens`). Added tokens that are not special are
    ///     always found.
    ///   - removingMarkers: whether the text has markers from ``shieldingSpecialTokens(in:)``. They take effect and are
    ///     removed.
    /// - Returns: token IDs.
    public func encode(
        _ text: String, parsingSpecialTokens: Bool = true, removingMarkers: Bool = false
    ) -> [Int] {
        var bytes = Array(text.utf8)
        var parts: [AddedTokens.Part] = bytes.isEmpty ? [] : [.text(0..<bytes.count)]
        for tokens in addedTokens {
            let whole = parts
            parts = []
            for part in whole {
                guard case .text(let range) = part else {
                    parts.append(part)
                    continue
                }
                tokens.split(
                    bytes, range, parsingSpecialTokens: parsingSpecialTokens, markers: removingMarkers, into: &parts)
            }
        }
        if removingMarkers { (bytes, parts) = Self.removingMarkers(from: bytes, parts) }
        var encoder = WordEncoder(self, byteCount: bytes.count)
        var ids: [Int] = []
        ids.reserveCapacity(bytes.count / 3)
        for part in parts {
            switch part {
            case .token(let id): ids.append(id)
            case .text(let range): encoder.encode(bytes, range, into: &ids)
            }
        }
        return ids
    }

    /// Removes all markers from a text and adjusts the ranges of its parts.
    private static func removingMarkers(
        from text: [UInt8], _ parts: [AddedTokens.Part]
    ) -> (text: [UInt8], parts: [AddedTokens.Part]) {
        var clean: [UInt8] = []
        clean.reserveCapacity(text.count)
        let cleanParts = parts.map { part in
            guard case .text(let range) = part else { return part }
            let start = clean.count
            clean += removingMarkers(from: text, range)
            return AddedTokens.Part.text(start..<clean.count)
        }
        return (clean, cleanParts)
    }
}

/// Encodes the words of one text. The tokens of a repeated word are copied from its earlier occurrence.
private struct WordEncoder {
    private let tokenizer: Tokenizer
    private let classes = ScalarClasses.shared
    private var cache: WordCache
    private var merging: PairMerging
    private var symbols: [Int32] = []

    init(_ tokenizer: Tokenizer, byteCount: Int) {
        self.tokenizer = tokenizer
        cache = WordCache(byteCount: byteCount)
        merging = PairMerging(tokenizer.merges)
    }

    /// Encodes `text[range]`, which contains no added tokens. All calls must use the same `text` and `ids`.
    mutating func encode(_ text: [UInt8], _ range: Range<Int>, into ids: inout [Int]) {
        let preTokenizer = tokenizer.preTokenizer
        let splitsWords = preTokenizer.byteLevel?.splitsWords ?? false
        let addsPrefixSpace = preTokenizer.byteLevel?.addsPrefixSpace ?? false
        var start = range.lowerBound
        while start < range.upperBound {
            let end = preTokenizer.pieceEnd(in: text, start..<range.upperBound, classes)
            if addsPrefixSpace, text[start] != UInt8(ascii: " ") {
                let spaced = CollectionOfOne(UInt8(ascii: " ")) + text[start..<end]
                encodePiece(Array(spaced), 0..<end - start + 1, splitsWords, isCached: false, into: &ids)
            } else {
                encodePiece(text, start..<end, splitsWords, isCached: true, into: &ids)
            }
            start = end
        }
    }

    private mutating func encodePiece(
        _ text: [UInt8], _ range: Range<Int>, _ splitsWords: Bool, isCached: Bool, into ids: inout [Int]
    ) {
        var start = range.lowerBound
        while start < range.upperBound {
            let end =
                splitsWords ? PreTokenizer.wordEnd(in: text, start..<range.upperBound, classes) : range.upperBound
            let word = start..<end
            if isCached {
                let slot = cache.slot(of: word, in: text)
                if !cache.append(word, in: text, slot, to: &ids) {
                    let first = ids.count
                    encodeWord(text, word, into: &ids)
                    cache.keep(word, slot, tokens: first..<ids.count)
                }
            } else {
                encodeWord(text, word, into: &ids)
            }
            start = end
        }
    }

    private mutating func encodeWord(_ text: [UInt8], _ word: Range<Int>, into ids: inout [Int]) {
        if tokenizer.ignoresMerges, let id = tokenizer.wholeWord(text[word]) {
            ids.append(id)
            return
        }
        symbols.removeAll(keepingCapacity: true)
        tokenizer.symbols.append(text, word, to: &symbols)
        merging.merge(&symbols)
        for symbol in symbols { ids.append(Int(symbol)) }
    }
}

/// The earlier occurrences of a text's words, and the places of their tokens. The table has a fixed size; newer words
/// overwrite older ones.
private struct WordCache {
    private struct Entry {
        var hash: UInt32
        var start: UInt32
        var firstToken: UInt32
        /// Bytes of the word; 0 in a free entry.
        var length: UInt8
        var tokenCount: UInt8
    }

    /// The place of a word in the table.
    struct Slot {
        var index: Int
        var hash: UInt32
    }

    private static let sizeLimit = 1 << 14
    private static let lengthLimit = 64

    private var entries: [Entry]

    init(byteCount: Int) {
        var size = Self.sizeLimit
        while size * 8 > byteCount { size /= 2 }
        // Positions are stored in 32 bits. A short text has too few words for a cache.
        if size < 64 || byteCount > 1 << 30 { size = 0 }
        entries = Array(repeating: Entry(hash: 0, start: 0, firstToken: 0, length: 0, tokenCount: 0), count: size)
    }

    /// The slot of a word; nil if the word is too long for the table.
    func slot(of word: Range<Int>, in text: [UInt8]) -> Slot? {
        guard word.count <= Self.lengthLimit, !entries.isEmpty else { return nil }
        var hash: UInt64 = 0xCBF2_9CE4_8422_2325
        for position in word { hash = (hash ^ UInt64(text[position])) &* 0x9E37_79B9_7F4A_7C15 }
        let bits = UInt32(truncatingIfNeeded: hash >> 32)
        return Slot(index: Int(bits) & (entries.count - 1), hash: bits)
    }

    /// Appends the tokens of a word if the slot has an equal word. Returns whether it has.
    func append(_ word: Range<Int>, in text: [UInt8], _ slot: Slot?, to ids: inout [Int]) -> Bool {
        guard let slot else { return false }
        let entry = entries[slot.index]
        guard entry.hash == slot.hash, Int(entry.length) == word.count else { return false }
        let start = Int(entry.start)
        for offset in 0..<word.count where text[start + offset] != text[word.lowerBound + offset] { return false }
        let first = Int(entry.firstToken)
        for index in first..<first + Int(entry.tokenCount) { ids.append(ids[index]) }
        return true
    }

    /// Stores the tokens of a word.
    mutating func keep(_ word: Range<Int>, _ slot: Slot?, tokens: Range<Int>) {
        guard let slot else { return }
        entries[slot.index] = Entry(
            hash: slot.hash, start: UInt32(word.lowerBound), firstToken: UInt32(tokens.lowerBound),
            length: UInt8(word.count), tokenCount: UInt8(tokens.count))
    }
}
