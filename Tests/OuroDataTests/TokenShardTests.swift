import Foundation
import Testing

@testable import Ouro
@testable import OuroData

/// Tests that shards return exactly what was written, and that damaged files are refused.
@Suite struct TokenShardTests {
    private static func error(_ url: URL) -> OuroError? {
        do throws(OuroError) {
            _ = try TokenShard(contentsOf: url)
            return nil
        } catch {
            return error
        }
    }

    @Test(arguments: [300, 65_536, 65_537, 1 << 20]) func documentsComeBack(vocabularySize: Int) throws {
        let folder = try DataFolder()
        var random = SplitMix64(seed: UInt64(vocabularySize))
        let documents = (0..<200).map { _ in
            let count = random.int(1...40)
            return TokenDocument(
                tokens: (0..<count).map { _ in Int32(random.int(0...(vocabularySize - 1))) },
                learns: (0..<count).map { _ in random.int(0...3) > 0 })
        }
        let writer = try TokenShardWriter(to: folder.file("x.tokens"), vocabularySize: vocabularySize)
        try writer.append(TokenDocument())
        for document in documents { try writer.append(document) }
        try writer.finish()
        let shard = try TokenShard(contentsOf: folder.file("x.tokens"))
        #expect(shard.documentCount == 200)
        #expect(shard.tokenCount == documents.reduce(0) { $0 + $1.tokens.count })
        #expect(shard.vocabularySize == vocabularySize)
        #expect(shard.hasLossMask)
        for (index, document) in documents.enumerated() {
            #expect(try shard.read(shard.document(index)) == document, "document \(index)")
        }
    }

    @Test func smallVocabulariesTakeTwoBytesAndNoMaskWhereAllIsLearnt() throws {
        let folder = try DataFolder()
        let shard = try folder.shard(vocabularySize: 65_536, [[1, 2, 3], [65_535]])
        #expect(!shard.hasLossMask)
        // The file has a header, four tokens of two bytes and three offsets.
        #expect(try Data(contentsOf: folder.file("x.tokens")).count == 64 + 8 + 24)
        #expect(try shard.read(0..<4).learns == [true, true, true, true])
        let wide = try folder.shard(named: "y.tokens", vocabularySize: 65_537, [[65_536]])
        #expect(try wide.read(0..<1).tokens == [65_536])
        #expect(try Data(contentsOf: folder.file("y.tokens")).count == 64 + 8 + 16)
    }

    @Test func theLayoutIsAsDocumented() throws {
        let folder = try DataFolder()
        let writer = try TokenShardWriter(to: folder.file("x.tokens"), vocabularySize: 300)
        try writer.append(TokenDocument(tokens: [7, 299], learns: [false, true]))
        try writer.append(TokenDocument(tokens: [5], learns: [true]))
        try writer.finish()
        let data = [UInt8](try Data(contentsOf: folder.file("x.tokens")))
        func word(_ offset: Int, _ count: Int = 8) -> UInt64 {
            data[offset..<(offset + count)].reversed().reduce(0) { $0 << 8 | UInt64($1) }
        }
        #expect(String(decoding: data[..<8], as: UTF8.self) == "OUROTOKS")
        #expect([word(8, 4), word(12, 4), word(16), word(24), word(32, 4), word(36, 4)] == [1, 2, 3, 2, 300, 1])
        #expect([word(64, 2), word(66, 2), word(68, 2), word(70, 2)] == [7, 299, 5, 0])
        #expect(data[72] == 0b110, "the mask")
        #expect([word(80), word(88), word(96)] == [0, 2, 3], "the offsets")
        #expect(data.count == 104)
        // Computes the checksum independently.
        var sum: UInt64 = 0xCBF2_9CE4_8422_2325
        func add(_ word: UInt64) {
            sum = (sum ^ word) &* 0x9E37_79B9_7F4A_7C15
            sum ^= sum >> 32
        }
        for offset in stride(from: 64, to: 104, by: 8) { add(word(offset)) }
        for offset in stride(from: 0, to: 64, by: 8) { add(offset == 40 ? 0 : word(offset)) }
        #expect(word(40) == sum)
    }

    @Test func tokensOutsideTheVocabularyAreRefused() throws {
        let folder = try DataFolder()
        let writer = try TokenShardWriter(to: folder.file("x.tokens"), vocabularySize: 10)
        for bad in [Int32(10), -1, .max, .min] {
            #expect(throws: OuroError.self) {
                try writer.append(TokenDocument(tokens: [1, bad], learns: [true, true]))
            }
        }
        #expect(throws: OuroError.self) { try TokenShardWriter(to: folder.file("y"), vocabularySize: 0) }
    }

    @Test func nothingAppearsBeforeTheEnd() throws {
        let folder = try DataFolder()
        do {
            let writer = try TokenShardWriter(to: folder.file("x.tokens"), vocabularySize: 10)
            try writer.append(TokenDocument(tokens: [1], learns: [true]))
            #expect(!FileManager.default.fileExists(atPath: folder.file("x.tokens").path))
        }
        #expect(try FileManager.default.contentsOfDirectory(atPath: folder.url.path).isEmpty, "no leftovers")
    }

    @Test func faultsNameWhatIsWrong() throws {
        let folder = try DataFolder()
        _ = try folder.shard([[1, 2, 3], [4, 5]])
        let sound = try Data(contentsOf: folder.file("x.tokens"))
        func field(_ change: (inout Data) -> Void) throws -> String? {
            var data = sound
            change(&data)
            try data.write(to: folder.file("y.tokens"))
            return Self.error(folder.file("y.tokens"))?.field
        }
        #expect(try field { $0[0] = 0x20 } == "header")
        #expect(try field { $0 = Data() } == "header")
        #expect(try field { $0 = Data($0.prefix(63)) } == "header")
        #expect(try field { $0[8] = 2 } == "version")
        #expect(try field { $0[12] = 3 } == "bytes of a token")
        #expect(try field { $0[16] = 200 } == "tokens")
        #expect(try field { for index in 16..<24 { $0[index] = 0xFF } } == "tokens")
        #expect(try field { for index in 24..<32 { $0[index] = 0xFF } } == "documents")
        #expect(try field { $0[31] = 0x7F } == "tokens")
        #expect(try field { for index in 32..<36 { $0[index] = 0 } } == "vocabulary size")
        #expect(try field { $0[36] = 9 } == "loss mask")
        #expect(try field { $0[50] = 1 } == "header")
        #expect(try field { $0[64] = 9 } == "checksum")
        #expect(try field { $0.removeLast() } == "tokens")
        #expect(try field { $0.append(0) } == "tokens")
        #expect(try field { _ in } == nil)
        #expect(Self.error(folder.file("none"))?.code == .unreadableFile)
        #expect(Self.error(folder.url)?.code == .unreadableFile)
    }

    @Test func everyFlippedBitIsFound() throws {
        let folder = try DataFolder()
        _ = try folder.shard([[1, 2, 3], [4, 5, 6, 7], [8]])
        let sound = try Data(contentsOf: folder.file("x.tokens"))
        for bit in 0..<(sound.count * 8) {
            var data = sound
            data[bit / 8] ^= 1 << UInt8(bit % 8)
            try data.write(to: folder.file("y.tokens"))
            #expect(Self.error(folder.file("y.tokens")) != nil, "bit \(bit)")
        }
    }

    /// Most damaged files get a correct checksum, so that the checks behind it are reached.
    @Test func damagedFilesLoadOrThrow() throws {
        let folder = try DataFolder()
        let writer = try TokenShardWriter(to: folder.file("x.tokens"), vocabularySize: 300)
        for index in 0..<6 {
            let tokens = (0...index).map { Int32($0 * 40) }
            try writer.append(TokenDocument(tokens: tokens, learns: tokens.map { $0 % 80 == 0 }))
        }
        try writer.finish()
        let sound = [UInt8](try Data(contentsOf: folder.file("x.tokens")))
        var loaded = 0
        for seed in 0..<3000 {
            var random = SplitMix64(seed: UInt64(seed))
            var data = sound
            for _ in 0..<random.int(1...3) {
                let index = random.int(0...(data.count - 1))
                switch random.int(0...4) {
                case 0: data[index] ^= 1 << UInt8(random.int(0...7))
                case 1: data[index] = [0, 1, 2, 0x7F, 0x80, 0xFF][random.int(0...5)]
                case 2: data.removeSubrange(index..<min(data.count, index + random.int(1...16)))
                case 3: data.insert(contentsOf: data[index..<min(data.count, index + 8)], at: index)
                default: for place in index..<min(data.count, index + 8) { data[place] = 0xFF }
                }
                if data.isEmpty { data = [0] }
            }
            if data.count >= 64, data.count % 8 == 0, seed % 5 != 0 {
                var sum = ShardChecksum()
                data[64...].withUnsafeBytes { sum.add($0) }
                for index in 40..<48 { data[index] = 0 }
                data[..<64].withUnsafeBytes { sum.add($0) }
                withUnsafeBytes(of: sum.value.littleEndian) {
                    for (index, byte) in $0.enumerated() { data[40 + index] = byte }
                }
            }
            try Data(data).write(to: folder.file("y.tokens"))
            do throws(OuroError) {
                let shard = try TokenShard(contentsOf: folder.file("y.tokens"))
                loaded += 1
                for index in 0..<shard.documentCount {
                    let document = try shard.read(shard.document(index))
                    #expect(
                        document.tokens.allSatisfy { (0..<Int32(shard.vocabularySize)).contains($0) }, "seed \(seed)")
                }
            } catch {
                #expect(error.file == folder.file("y.tokens").path, "seed \(seed): \(error)")
            }
        }
        #expect((50..<2900).contains(loaded), "\(loaded) of 3000 loaded: the changes are too weak or too strong")
    }
}
