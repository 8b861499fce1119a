/// Breaks a line into shorter ones, as Python's `textwrap.wrap` does with the settings of the filter `wordwrap`.
struct LineWrapper {
    private typealias Chunk = ArraySlice<Unicode.Scalar>

    let width: Int
    let breaksLongWords: Bool
    let breaksOnHyphens: Bool

    func wrap(_ line: String) -> [String] {
        let scalars = Array(line.unicodeScalars)
        var chunks: [Chunk] = chunks(of: scalars).reversed()
        var lines: [String] = []
        while let first = chunks.last {
            if !lines.isEmpty, isBlank(first) { chunks.removeLast() }
            var current: [Chunk] = []
            var count = 0
            while let next = chunks.last, count + next.count <= width {
                current.append(next)
                count += next.count
                chunks.removeLast()
            }
            if let next = chunks.last, next.count > width {
                chunks.removeLast()
                if breaksLongWords {
                    let end = breakPosition(in: next, space: width - count)
                    current.append(next[..<end])
                    chunks.append(next[end...])
                } else if current.isEmpty {
                    current.append(next)
                } else {
                    chunks.append(next)
                }
            }
            if let last = current.last, isBlank(last) { current.removeLast() }
            if !current.isEmpty { lines.append(Text.string(of: current.joined())) }
        }
        return lines
    }

    private func isBlank(_ chunk: Chunk) -> Bool { chunk.allSatisfy(Text.isSpace) }

    /// Where a word that is too long is cut: after its last hyphen that fits, or where the space ends.
    private func breakPosition(in word: Chunk, space: Int) -> Int {
        let end = word.startIndex + space
        guard breaksOnHyphens, let hyphen = word[..<end].lastIndex(of: "-"), hyphen > word.startIndex,
            word[..<hyphen].contains(where: { $0 != "-" })
        else { return end }
        return hyphen + 1
    }

    // MARK: - Chunks

    /// The parts that stay together: whitespace, dashes, and words or their parts that end in a hyphen.
    private func chunks(of scalars: [Unicode.Scalar]) -> [Chunk] {
        var chunks: [Chunk] = []
        var start = 0
        while start < scalars.count {
            let end =
                if isGap(scalars[start]) {
                    scalars[start...].firstIndex { !isGap($0) } ?? scalars.count
                } else if breaksOnHyphens {
                    endOfDash(at: start, in: scalars) ?? endOfWord(from: start, in: scalars)
                } else {
                    scalars[start...].firstIndex(where: isGap) ?? scalars.count
                }
            chunks.append(scalars[start..<end])
            start = end
        }
        return chunks
    }

    /// The end of two or more hyphens that stand between words like a dash; nil if there are none.
    private func endOfDash(at start: Int, in scalars: [Unicode.Scalar]) -> Int? {
        guard start > 0, scalars[start] == "-", joinsDash(scalars[start - 1]) else { return nil }
        let end = scalars[start...].firstIndex { $0 != "-" } ?? scalars.count
        guard end - start >= 2, end < scalars.count, Text.isWordPart(scalars[end]) else { return nil }
        return end
    }

    private func endOfWord(from start: Int, in scalars: [Unicode.Scalar]) -> Int {
        var end = start + 1
        while end < scalars.count, !isGap(scalars[end]) {
            if isHyphen(at: end, in: scalars) { return end + 1 }
            if endOfDash(at: end, in: scalars) != nil { return end }
            end += 1
        }
        return end
    }

    /// Whether a hyphen joins two words: two letters before it, or one and a hyphen before that; two letters after it.
    private func isHyphen(at index: Int, in scalars: [Unicode.Scalar]) -> Bool {
        func isLetter(_ index: Int) -> Bool {
            scalars.indices.contains(index) && Text.isWordPart(scalars[index])
                && scalars[index].properties.generalCategory != .decimalNumber
        }
        func isHyphen(_ index: Int) -> Bool { scalars.indices.contains(index) && scalars[index] == "-" }
        guard isHyphen(index), isLetter(index + 1) else { return false }
        let follows = isLetter(index + 2) || (isHyphen(index + 2) && isLetter(index + 3))
        let precedes =
            (isLetter(index - 2) && isLetter(index - 1))
            || (isLetter(index - 3) && isHyphen(index - 2) && index > 0 && joinsDash(scalars[index - 1]))
        return follows && precedes
    }

    private func isGap(_ scalar: Unicode.Scalar) -> Bool { scalar == " " || (0x09...0x0d).contains(scalar.value) }

    private func joinsDash(_ scalar: Unicode.Scalar) -> Bool {
        Text.isWordPart(scalar) || "!\"'&.,?".unicodeScalars.contains(scalar)
    }
}
