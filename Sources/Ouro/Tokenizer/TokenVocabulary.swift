/// The tokens of a tokenizer, by ID and by spelling.
struct TokenVocabulary: Sendable {
    /// One token.
    struct Token: Sendable {
        /// The spelling in the file.
        let piece: String
        /// The bytes of the token in decoded text.
        let bytes: [UInt8]
        var isSpecial: Bool
    }

    /// Tokens by ID; nil for IDs that the file does not use.
    private var tokens: [Token?]
    /// IDs of the model's own tokens, by the UTF-8 bytes of their spelling. `String` keys would not distinguish
    /// canonically equivalent spellings.
    private var modelIDs: [[UInt8]: Int32] = [:]
    /// IDs of added tokens, by the UTF-8 bytes of their spelling.
    private var addedIDs: [[UInt8]: Int32] = [:]
    /// The tokens to find in a text before it is split, in the order of the file. Those marked `normalized` come last.
    let addedTokens: (exact: [AddedToken], normalized: [AddedToken])

    init(_ content: TokenizerFile, file: String) throws(OuroError) {
        let added = content.addedTokens
        let count = content.model.vocabulary.count + added.count
        // IDs may have gaps, but a small file must not cause a large allocation.
        let limit = min(4 * count + 1000, Int(Int32.max))
        func fault(_ field: String, _ piece: String, _ message: String) -> OuroError {
            OuroError(
                .invalidTokenizer, file: file, field: field, "the token \(JSONValue.quote(piece)) \(message)")
        }
        func slot(_ id: Int, _ field: String, _ piece: String) throws(OuroError) -> Int32 {
            guard id >= 0, id < limit, let slot = Int32(exactly: id) else {
                throw fault(
                    field, piece, "has the id \(id), expected one from 0 to \(limit - 1) for \(count) tokens")
            }
            return slot
        }

        modelIDs.reserveCapacity(content.model.vocabulary.count)
        var largest = -1
        var addedSlots: [Int32] = []
        for (piece, id) in content.model.vocabulary { largest = max(largest, Int(try slot(id, "model.vocab", piece))) }
        for (index, token) in added.enumerated() {
            let field = "added_tokens[\(index)]"
            addedSlots.append(try slot(token.id, field, token.content))
            largest = max(largest, token.id)
        }
        tokens = Array(repeating: nil, count: largest + 1)
        for (piece, id) in content.model.vocabulary {
            if let other = tokens[id] {
                let pieces = [piece, other.piece].sortedByBytes()
                throw fault(
                    "model.vocab", pieces[0], "has the id \(id), and so has \(JSONValue.quote(pieces[1]))")
            }
            tokens[id] = Token(piece: piece, bytes: ByteAlphabet.bytes(of: piece), isSpecial: false)
            modelIDs[Array(piece.utf8)] = Int32(id)
        }
        var exact: [AddedToken] = []
        var normalized: [AddedToken] = []
        for (index, (token, slot)) in zip(added, addedSlots).enumerated() where !token.content.isEmpty {
            let id = Int(slot)
            let field = "added_tokens[\(index)]"
            let key = Array(token.content.utf8)
            guard addedIDs[key] == nil else {
                throw fault(field, token.content, "appears twice; remove one of the two")
            }
            if let other = modelIDs[key], other != slot {
                throw fault(field, token.content, "has the id \(id) here and \(other) in model.vocab")
            }
            if let other = tokens[id], !other.piece.utf8.elementsEqual(key) {
                throw fault(field, token.content, "has the id \(id) of \(JSONValue.quote(other.piece))")
            }
            addedIDs[key] = slot
            tokens[id] = Token(
                piece: token.content, bytes: ByteAlphabet.bytes(of: token.content), isSpecial: token.isSpecial)
            let found = AddedToken(
                id: id, content: token.content, isSpecial: token.isSpecial, isSingleWord: token.isSingleWord,
                stripsLeft: token.stripsLeft, stripsRight: token.stripsRight)
            if token.isNormalized { normalized.append(found) } else { exact.append(found) }
        }
        addedTokens = (exact, normalized)
    }

    /// The largest ID plus one.
    var size: Int { tokens.count }

    /// The token of an ID; nil if there is none.
    func token(_ id: Int) -> Token? { tokens.indices.contains(id) ? tokens[id] : nil }

    /// The ID of a spelling. Added tokens take precedence over the model's own tokens.
    func id(of piece: some Sequence<UInt8>) -> Int32? {
        let key = Array(piece)
        return addedIDs[key] ?? modelIDs[key]
    }

    /// The ID of one of the model's own tokens. Added tokens outside `model.vocab` do not take part in merging.
    func modelID(of piece: some Sequence<UInt8>) -> Int32? { modelIDs[Array(piece)] }

    /// The merges of the file, with tokens replaced by their IDs.
    func merges(_ merges: TokenizerFile.Merges, file: String) throws(OuroError) -> MergeTable {
        let count =
            switch merges {
            case .lines(let lines): lines.count
            case .pairs(let pairs): pairs.count
            }
        var table = MergeTable(count: count)
        for index in 0..<count {
            let left: Substring.UTF8View
            let right: Substring.UTF8View
            switch merges {
            case .lines(let lines):
                // The first line of a `merges.txt`. The reference implementation skips it too.
                if lines[index].utf8.starts(with: "#version".utf8) { continue }
                let parts = lines[index].utf8.split(separator: UInt8(ascii: " "), omittingEmptySubsequences: false)
                guard parts.count == 2 else { throw malformed(lines[index]) }
                (left, right) = (Substring(parts[0]).utf8, Substring(parts[1]).utf8)
            case .pairs(let pairs):
                guard pairs[index].count == 2 else { throw malformed(pairs[index].joined(separator: " ")) }
                (left, right) = (pairs[index][0][...].utf8, pairs[index][1][...].utf8)
            }
            let rank = Int32(truncatingIfNeeded: index)
            table.insert(
                MergeTable.Merge(rank: rank, result: try known(Array(left) + Array(right))),
                left: try known(left), right: try known(right))

            func known(_ piece: some Sequence<UInt8>) throws(OuroError) -> Int32 {
                if let id = modelID(of: piece) { return id }
                let name = JSONValue.quote(String(decoding: Array(piece), as: UTF8.self))
                throw OuroError(
                    .invalidTokenizer, file: file, field: "model.merges[\(index)]",
                    "names the token \(name), which is not in model.vocab")
            }
            func malformed(_ found: String) -> OuroError {
                OuroError(
                    .invalidTokenizer, file: file, field: "model.merges[\(index)]",
                    "found \(JSONValue.quote(found)), expected two tokens")
            }
        }
        return table
    }
}
