import Foundation
import Testing

@testable import Ouro
@testable import OuroData

/// Tests what batches contain, and that a source can resume at any batch.
@Suite struct BatchSourceTests {
    /// Documents whose tokens encode their origin: 100 * document + place.
    private static func documents(_ count: Int, longest: Int = 12) -> [[Int32]] {
        (0..<count).map { number in (0..<(number * 7 % longest + 1)).map { Int32(number * 100 + $0) } }
    }

    private static func dataset(_ folder: DataFolder, _ documents: [[Int32]], perShard: Int = 9) throws -> TokenDataset
    {
        let shards = try stride(from: 0, to: documents.count, by: perShard).map { start in
            try folder.shard(
                named: "\(start).tokens", vocabularySize: 1 << 20,
                Array(documents[start..<min(start + perShard, documents.count)]))
        }
        return TokenDataset(shards)
    }

    private static func sources(_ folder: DataFolder) throws -> [(name: String, make: () throws -> any BatchSource)] {
        let data = try dataset(folder, documents(40))
        let encoder = try ByteTokenizer.encoder()
        func synthetic() throws -> any BatchSource {
            PackedDocuments(
                try SyntheticDocuments([.init(ManoTask()), .init(CopyTask(), weight: 2)], encoder: encoder, seed: 4))
        }
        return [
            ("packed", { PackedDocuments(try ShuffledDocuments(data, seed: 1)) }),
            ("windows", { TokenWindows(data, seed: 1) }), ("synthetic", synthetic),
            (
                "mixture",
                {
                    try MixtureSource(
                        [
                            (PackedDocuments(try ShuffledDocuments(data, seed: 1)), 1),
                            (TokenWindows(data, seed: 2), 2),
                            (try synthetic(), 0.5),
                        ], seed: 9)
                }
            ),
        ]
    }

    @Test func everySourceContinuesExactlyWhereItWas() throws {
        let folder = try DataFolder()
        for (name, make) in try Self.sources(folder) {
            let source = try make()
            var (positions, batches): ([Data], [TrainingBatch]) = ([], [])
            for step in 0..<25 {
                positions.append(source.position)
                var batch = TrainingBatch()
                // The length changes once, as between stages.
                try source.next(into: &batch, rows: step % 3 + 1, length: step < 15 ? 16 : 24)
                batches.append(batch)
            }
            for step in [0, 1, 7, 14, 15, 16, 24] {
                let other = try make()
                try other.seek(to: positions[step])
                for later in step..<25 {
                    var batch = TrainingBatch()
                    try other.next(into: &batch, rows: later % 3 + 1, length: later < 15 ? 16 : 24)
                    #expect(batch == batches[later], "\(name): from \(step), batch \(later)")
                }
            }
        }
    }

    @Test func rowsDoNotDependOnHowTheyAreBatched() throws {
        let folder = try DataFolder()
        for (name, make) in try Self.sources(folder) {
            var (whole, part) = (TrainingBatch(), TrainingBatch())
            try make().next(into: &whole, rows: 12, length: 16)
            let source = try make()
            var tokens: [Int32] = []
            for _ in 0..<6 {
                try source.next(into: &part, rows: 2, length: 16)
                tokens += part.tokens
            }
            #expect(tokens == whole.tokens, "\(name)")
        }
    }

    @Test func documentsArePackedWholeAndApart() throws {
        let folder = try DataFolder()
        let documents = Self.documents(40)
        let source = PackedDocuments(try ShuffledDocuments(Self.dataset(folder, documents), seed: 1))
        var batch = TrainingBatch()
        try source.next(into: &batch, rows: 60, length: 16)
        var (seen, used): ([Int: Int], Int) = ([:], 0)
        for row in 0..<60 {
            var position = 0
            while position < 16 {
                let base = row * 16
                #expect(batch.documentStart[base + position] == Int32(position), "a document starts there")
                let end = (position..<16).first { batch.documentStart[base + $0] != Int32(position) } ?? 16
                let piece = Array(batch.tokens[(base + position)..<(base + end)])
                let targets = Array(batch.targets[(base + position)..<(base + end)])
                if targets.allSatisfy({ $0 == TrainingBatch.noTarget }) {
                    #expect(end == 16, "padding comes last")
                    #expect(piece.allSatisfy { $0 == 0 })
                } else {
                    let number = Int(piece[0]) / 100
                    #expect(piece == Array(documents[number].dropLast()), "row \(row)")
                    #expect(targets == Array(documents[number].dropFirst()), "row \(row)")
                    seen[number, default: 0] += 1
                    used += piece.count
                }
                position = end
            }
        }
        #expect(Double(used) > 0.93 * 60 * 16, "\(used) of \(60 * 16) positions are used")
        // Documents of one token have no target. All others come equally often, except for those that still wait for a
        // row.
        let counts = documents.indices.filter { documents[$0].count > 1 }.map { seen[$0] ?? 0 }
        #expect((counts.max() ?? 0) - (counts.min() ?? 0) <= 2, "\(counts)")
    }

    @Test func longDocumentsAreCutWithoutLosingATarget() throws {
        let folder = try DataFolder()
        let long = (0..<50).map { Int32($0) }
        let source = PackedDocuments(try ShuffledDocuments(Self.dataset(folder, [long]), seed: 1))
        var batch = TrainingBatch()
        try source.next(into: &batch, rows: 30, length: 16)
        let pairs = zip(batch.tokens, batch.targets).filter { $0.1 != TrainingBatch.noTarget }
        #expect(pairs.allSatisfy { $0.0 + 1 == $0.1 })
        #expect(Set(pairs.map { $0.1 }) == Set(long.dropFirst()))
    }

    @Test func theLossMaskDecidesTheTargets() throws {
        let folder = try DataFolder()
        let writer = try TokenShardWriter(to: folder.file("x.tokens"), vocabularySize: 100)
        try writer.append(TokenDocument(tokens: [10, 11, 12, 13], learns: [false, false, true, true]))
        try writer.append(TokenDocument(tokens: [20, 21, 22], learns: [true, true, false]))
        try writer.finish()
        let dataset = TokenDataset([try TokenShard(contentsOf: folder.file("x.tokens"))])
        var batch = TrainingBatch()
        try PackedDocuments(try ShuffledDocuments(dataset, seed: 1)).next(into: &batch, rows: 8, length: 5)
        var targets: [Int32: Set<Int32>] = [:]
        for (token, target) in zip(batch.tokens, batch.targets) { targets[token, default: []].insert(target) }
        #expect(targets[10] == [-1] && targets[11] == [12] && targets[12] == [13])
        #expect(targets[20] == [21] && targets[21] == [-1])
        #expect(targets[13] == nil && targets[22] == nil, "a last token is only predicted")
        try TokenWindows(dataset, seed: 1).next(into: &batch, rows: 1, length: 6)
        #expect(batch.tokens == [10, 11, 12, 13, 20, 21])
        #expect(batch.targets == [-1, 12, 13, 20, 21, -1])
        #expect(batch.documentStart == [0, 0, 0, 0, 0, 0])
    }

    @Test func anEpochReadsEveryWindowOnce() throws {
        let folder = try DataFolder()
        let documents = Self.documents(40)
        let dataset = try Self.dataset(folder, documents)
        let source = TokenWindows(dataset, seed: 3)
        let count = dataset.shards.reduce(0) { $0 + ($1.tokenCount - 1) / 8 }
        var epochs: [[[Int32]]] = []
        for _ in 0..<3 {
            var batch = TrainingBatch()
            try source.next(into: &batch, rows: count, length: 8)
            epochs.append((0..<count).map { Array(batch.tokens[($0 * 8)..<($0 * 8 + 8)]) })
            for row in 0..<count {
                let shard =
                    stride(from: 0, to: 40, by: 9).map { Array(documents[$0..<min($0 + 9, 40)].joined()) }
                    .first { $0.contains(batch.tokens[row * 8]) } ?? []
                let start = shard.firstIndex(of: batch.tokens[row * 8]) ?? 0
                #expect(start % 8 == 0)
                #expect(Array(shard[(start + 1)...(start + 8)]) == Array(batch.targets[(row * 8)..<(row * 8 + 8)]))
            }
        }
        #expect(Set(epochs[0]).count == count)
        #expect(Set(epochs[0]) == Set(epochs[1]) && epochs[0] != epochs[1] && epochs[1] != epochs[2])
    }

    @Test func mixturesKeepTheirShares() throws {
        let shares = try MixtureShares([3, 0, 1, 6], seed: 5)
        for count in [10, 100, 10_000] {
            var counts = [0, 0, 0, 0]
            for number in 0..<count { counts[shares.choice(number)] += 1 }
            for (found, share) in zip(counts, [0.3, 0, 0.1, 0.6]) {
                #expect(abs(Double(found) - share * Double(count)) <= 4, "\(counts) of \(count)")
            }
        }
        let other = try MixtureShares([3, 0, 1, 6], seed: 6)
        #expect((0..<50).map { shares.choice($0) } != (0..<50).map { other.choice($0) })
        #expect(shares.choice(.max) >= 0)
        for bad in [[], [0, 0], [-1, 2], [.nan], [.infinity], [.greatestFiniteMagnitude, .greatestFiniteMagnitude]] {
            #expect(throws: OuroError.self, "\(bad)") { try MixtureShares(bad, seed: 1) }
        }
    }

    @Test func positionsOfOtherDataAreRefused() throws {
        let folder = try DataFolder()
        let sources = try Self.sources(folder)
        for (index, (name, make)) in sources.enumerated() {
            let source = try make()
            var batch = TrainingBatch()
            try source.next(into: &batch, rows: 2, length: 16)
            let sound = source.position
            for (other, (_, otherMake)) in sources.enumerated() where other != index {
                #expect(throws: OuroError.self, "\(name)") { try otherMake().seek(to: sound) }
            }
            let text = String(decoding: sound, as: UTF8.self)
            for bad in [
                "", "{}", "[]", text.replacing("\"next\":", with: "\"next\":-"),
                text.replacing("\"length\":16", with: "\"length\":-16"),
                text.replacing("\"row\":2", with: "\"row\":-2"),
                text.replacing("\"data\":\"", with: "\"data\":\"0"),
                text.replacing("\"document\":", with: "\"document\":9"),
                text.replacing("\"start\":", with: "\"start\":99"),
                text.replacing("\"next\":", with: "\"next\":9223372036854775807,\"x\":"),
                text.replacing("\"sources\":[", with: "\"sources\":[\"e30=\","),
            ] where bad != text {
                #expect(throws: OuroError.self, "\(name): \(bad)") { try source.seek(to: Data(bad.utf8)) }
            }
            try source.seek(to: sound)
        }
        let data = try Self.dataset(folder, Self.documents(40))
        var batch = TrainingBatch()
        let source = TokenWindows(data, seed: 1)
        try source.next(into: &batch, rows: 1, length: 8)
        #expect(throws: OuroError.self, "another seed") { try TokenWindows(data, seed: 2).seek(to: source.position) }
    }

    @Test func damagedPositionsAreReadOrRefused() throws {
        let folder = try DataFolder()
        for (_, make) in try Self.sources(folder) {
            let source = try make()
            var batch = TrainingBatch()
            try source.next(into: &batch, rows: 3, length: 16)
            let sound = Array(source.position)
            for seed in 0..<150 {
                var random = SplitMix64(seed: UInt64(seed))
                var bytes = sound
                let index = random.int(0...(bytes.count - 1))
                switch random.int(0...2) {
                case 0: bytes[index] = UInt8(random.int(0x20...0x7E))
                case 1: bytes.remove(at: index)
                default: bytes.insert(UInt8(ascii: "9"), at: index)
                }
                guard (try? source.seek(to: Data(bytes))) != nil else { continue }
                try source.next(into: &batch, rows: 1, length: 16)
            }
        }
    }

    @Test func dataThatCannotFillARowIsRefused() throws {
        let folder = try DataFolder()
        var batch = TrainingBatch()
        let short = try Self.dataset(folder, [[1, 2, 3]])
        #expect(throws: OuroError.self) { try TokenWindows(short, seed: 1).next(into: &batch, rows: 1, length: 3) }
        try TokenWindows(short, seed: 1).next(into: &batch, rows: 1, length: 2)
        #expect(batch.tokens == [1, 2] && batch.targets == [2, 3])
        let single = try Self.dataset(folder, [[1], [2]])
        #expect(throws: OuroError.self) { try ShuffledDocuments(single, seed: 1) }
        let encoder = try ByteTokenizer.encoder()
        #expect(throws: OuroError.self) {
            try SyntheticDocuments([.init(ManoTask(), levels: [99])], encoder: encoder, seed: 1)
        }
        #expect(throws: OuroError.self) {
            try SyntheticDocuments([.init(ManoTask(), levels: [])], encoder: encoder, seed: 1)
        }
    }

    @Test func syntheticDocumentsAreForTrainingOnly() throws {
        let encoder = try ByteTokenizer.encoder()
        let documents = try SyntheticDocuments([.init(SumsTask(), levels: [1])], encoder: encoder, seed: 2)
        let texts = Set(
            try (0..<400).map { encoder.tokenizer.decode(try documents.document($0).tokens.prefix(4).map { Int($0) }) })
        let held = Set(try (0..<100).map { try SumsTask().example(seed: 2, index: $0, level: 1, split: .test).prompt })
        #expect(texts.isDisjoint(with: held))
        #expect(texts.count > 50)
    }
}
