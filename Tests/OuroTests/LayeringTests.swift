import Testing

/// Tests that no folder of the library uses a type of a folder above it.
@Suite struct LayeringTests {
    /// The folders from the lowest to the highest, as in the Architecture article.
    static let order = [
        "Support", "Kernels", "Configuration", "Checkpoint", "Tokenizer", "Chat", "Model", "Cache", "Decoding",
        "Engine",
    ]

    private static let kinds: Set<Substring> = ["struct", "class", "enum", "protocol", "actor", "typealias"]

    /// The type that a line declares, if it stands at the top level of its file.
    private static func declaration(_ line: Substring) -> Substring? {
        guard let first = line.first, first.isLetter || first == "@" else { return nil }
        let words = SourceFiles.words(line)
        guard let index = words.firstIndex(where: { kinds.contains($0) }), index + 1 < words.count else { return nil }
        return words[index + 1]
    }

    @Test func noFolderUsesAFolderAboveIt() throws {
        var level: [Substring: Int] = [:]
        let folders = try Self.order.map { try SourceFiles.code(in: "Ouro/" + $0) }
        for (index, files) in folders.enumerated() {
            for (_, lines) in files { for name in lines.compactMap(Self.declaration) { level[name] = index } }
        }
        #expect(level["ModelConfiguration"] == 2 && level["Checkpoint"] == 3)
        var found: [String] = []
        for (index, files) in folders.enumerated() {
            for (file, lines) in files {
                for word in Set(lines.flatMap(SourceFiles.words)) {
                    guard let other = level[word], other > index else { continue }
                    found.append("\(Self.order[index])/\(file) uses \(word) of \(Self.order[other])")
                }
            }
        }
        #expect(found.sorted() == [])
    }
}
