import Ouro

/// The border between the text of an answer and its tool calls, where the model decides whether it calls.
///
/// The text is free. From the opening mark on, a grammar applies. A token never reaches over the border: a token that
/// would complete the mark and go on is not allowed, because nothing would check what it brings.
final class CallBorder: @unchecked Sendable {
    enum Mark: Sendable {
        /// The mark is a text. The grammar covers everything after it.
        case text(MarkScanner)
        /// The answer itself is a call if its first character is a brace. The grammar covers the brace too.
        case leadingBrace(Set<Int>)
        /// The marks are special tokens. The grammar covers what is between them.
        case tokens(opening: Int, closing: Int, newlines: Set<Int>)
    }

    private let mark: Mark
    private let makeGrammar: @Sendable () -> any TokenConstraint
    private let endTokens: Set<Int>
    private let isRequired: Bool
    private let isParallel: Bool
    private let tokenBytes: @Sendable (Int) -> [UInt8]
    /// The grammars of the calls so far; marks that are texts need only one.
    private var grammars: [any TokenConstraint] = []

    /// - Parameters:
    ///   - mark: what begins a call.
    ///   - isRequired: whether the answer begins with a call. Only for marks that are tokens: other grammars contain
    ///     the mark itself.
    ///   - isParallel: whether another call may follow.
    ///   - endTokens: the tokens that end a text.
    ///   - tokenBytes: the bytes of a token; none for special tokens.
    ///   - makeGrammar: makes the constraint of one call, or of all calls if the mark is a text.
    init(
        mark: Mark, isRequired: Bool = false, isParallel: Bool, endTokens: Set<Int>,
        tokenBytes: @escaping @Sendable (Int) -> [UInt8], makeGrammar: @escaping @Sendable () -> any TokenConstraint
    ) {
        (self.mark, self.isRequired, self.isParallel) = (mark, isRequired, isParallel)
        (self.endTokens, self.tokenBytes, self.makeGrammar) = (endTokens, tokenBytes, makeGrammar)
    }

    /// Fills the mask with the tokens that may follow `answer`, which begins after the thoughts.
    func allowTokens(after answer: ArraySlice<Int>, in mask: inout TokenMask) throws(OuroError) {
        switch mark {
        case .text(let scanner): try allow(after: answer, scanner, in: &mask)
        case .leadingBrace(let braces): try allow(after: answer, braces, in: &mask)
        case .tokens(let opening, let closing, let newlines):
            try allow(after: answer, opening, closing, newlines, in: &mask)
        }
    }

    private func grammar(_ index: Int) -> any TokenConstraint {
        while grammars.count <= index { grammars.append(makeGrammar()) }
        return grammars[index]
    }

    private func allow(
        after answer: ArraySlice<Int>, _ scanner: MarkScanner, in mask: inout TokenMask
    ) throws(OuroError) {
        var state = 0
        for (index, token) in zip(answer.indices, answer) {
            guard scanner.advance(&state, tokenBytes(token)) == nil else {
                return try grammar(0).allowTokens(after: Array(answer[(index + 1)...]), in: &mask)
            }
        }
        mask.setAll(true)
        for token in scanner.tokensBeyondMark(state) { mask[token] = false }
    }

    private func allow(
        after answer: ArraySlice<Int>, _ braces: Set<Int>, in mask: inout TokenMask
    ) throws(OuroError) {
        let first = answer.firstIndex { !tokenBytes($0).allSatisfy(MarkScanner.isSpace) }
        if let first {
            guard braces.contains(answer[first]) else { return mask.setAll(true) }
            return try grammar(0).allowTokens(after: Array(answer[first...]), in: &mask)
        }
        var call = TokenMask(vocabularySize: mask.vocabularySize, allowsAll: false)
        try grammar(0).allowTokens(after: [], in: &call)
        mask.setAll(true)
        for token in braces where !call[token] { mask[token] = false }
    }

    private func allow(
        after answer: ArraySlice<Int>, _ opening: Int, _ closing: Int, _ newlines: Set<Int>, in mask: inout TokenMask
    ) throws(OuroError) {
        var calls = 0
        var rest = answer
        while let start = rest.firstIndex(of: opening) {
            let body = rest[(start + 1)...]
            guard let end = body.firstIndex(of: closing) else {
                try grammar(calls).allowTokens(after: Array(body), in: &mask)
                // Where the grammar lets a text end, the call ends.
                if endTokens.contains(where: { mask[$0] }) {
                    mask.setAll(false)
                    mask[closing] = true
                }
                return
            }
            calls += 1
            rest = body[(end + 1)...]
        }
        if calls == 0, !isRequired { return mask.setAll(true) }
        mask.setAll(false)
        if calls == 0 || isParallel {
            mask[opening] = true
            if rest.isEmpty { for token in newlines { mask[token] = true } }
        }
        if calls > 0 { for token in endTokens { mask[token] = true } }
    }
}

/// Finds a mark in the bytes of tokens.
final class MarkScanner: Sendable {
    private let mark: [UInt8]
    /// For every number of matched bytes: how many still match after a mismatch.
    private let fallback: [Int]
    /// For every state: the tokens that complete the mark before their last byte.
    private let beyond: [[Int]]

    /// - Parameters:
    ///   - mark: the text of the mark, not empty.
    ///   - vocabulary: the bytes of every token; none for special tokens.
    init(_ mark: String, vocabulary: [[UInt8]]) {
        let bytes = Array(mark.utf8)
        var fallback = [0]
        for index in bytes.indices.dropFirst() {
            var state = fallback[index - 1]
            while state > 0, bytes[state] != bytes[index] { state = fallback[state - 1] }
            fallback.append(bytes[state] == bytes[index] ? state + 1 : 0)
        }
        (self.mark, self.fallback) = (bytes, fallback)
        let candidates = vocabulary.indices.filter { vocabulary[$0].dropLast().contains(bytes.last ?? 0) }
        beyond = bytes.indices.map { state in
            candidates.filter { id in
                var state = state
                guard let end = Self.advance(&state, vocabulary[id], bytes, fallback) else { return false }
                return end < vocabulary[id].count
            }
        }
    }

    /// Reads the bytes of a token. Returns the number of bytes up to the end of the mark, if the mark is complete.
    func advance(_ state: inout Int, _ bytes: [UInt8]) -> Int? { Self.advance(&state, bytes, mark, fallback) }

    private static func advance(_ state: inout Int, _ bytes: [UInt8], _ mark: [UInt8], _ fallback: [Int]) -> Int? {
        for (index, byte) in bytes.enumerated() {
            while state > 0, mark[state] != byte { state = fallback[state - 1] }
            if mark[state] == byte { state += 1 }
            if state == mark.count { return index + 1 }
        }
        return nil
    }

    /// The tokens that would complete the mark and go on.
    func tokensBeyondMark(_ state: Int) -> [Int] { beyond.indices.contains(state) ? beyond[state] : [] }

    static func isSpace(_ byte: UInt8) -> Bool { [0x20, 0x09, 0x0A, 0x0D].contains(byte) }
}
