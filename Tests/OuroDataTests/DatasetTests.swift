import Foundation
import Testing

@testable import Ouro
@testable import OuroData

/// Tests folders of shards. A folder is a data set only if it is complete.
@Suite struct DatasetTests {
    private static func write(
        _ folder: DataFolder, _ documents: [[Int32]], valid: [[Int32]] = [], shardTokens: Int = 10,
        overwrites: Bool = false
    ) throws {
        let writer = try DatasetWriter(
            folder: folder.url, vocabularySize: 1000, endOfText: 0, shardTokens: shardTokens, overwrites: overwrites)
        for (part, list) in [(DatasetPart.train, documents), (.valid, valid)] {
            for tokens in list {
                try writer.append(TokenDocument(tokens: tokens, learns: tokens.map { _ in true }), to: part)
            }
        }
        try writer.finish()
    }

    @Test func shardsRollOverAndDocumentsKeepTheirOrder() throws {
        let folder = try DataFolder()
        let documents = (1...30).map { number in (0..<(number % 7 + 1)).map { Int32(number * 10 + $0) } }
        try Self.write(folder, documents, valid: [[7, 8]])
        let dataset = try TokenDataset(folder: folder.url)
        #expect(dataset.shards.count > 8)
        #expect(dataset.shards.allSatisfy { $0.tokenCount <= 10 })
        #expect(try (0..<dataset.documentCount).map { try dataset.document($0).tokens } == documents)
        #expect(dataset.endOfText == 0 && dataset.vocabularySize == 1000)
        #expect(try TokenDataset(folder: folder.url, part: .valid).document(0).tokens == [7, 8])
    }

    @Test func aDocumentLongerThanAShardHasOneOfItsOwn() throws {
        let folder = try DataFolder()
        try Self.write(folder, [[1], Array(repeating: 2, count: 50), [3]])
        #expect(try TokenDataset(folder: folder.url).shards.map(\.tokenCount) == [1, 50, 1])
    }

    @Test func aDataSetIsNotOverwrittenByAccident() throws {
        let folder = try DataFolder()
        try Self.write(folder, [[1, 2]])
        let error = #expect(throws: OuroError.self) { try Self.write(folder, [[3, 4]]) }
        #expect(error?.message.contains("--overwrite") == true)
        #expect(try TokenDataset(folder: folder.url).document(0).tokens == [1, 2])
        try Self.write(folder, [[3, 4]], overwrites: true)
        #expect(try TokenDataset(folder: folder.url).document(0).tokens == [3, 4])
    }

    @Test func anUnfinishedDataSetIsNone() throws {
        let folder = try DataFolder()
        do {
            let writer = try DatasetWriter(folder: folder.url, vocabularySize: 10, endOfText: 0, shardTokens: 1)
            for _ in 0..<3 { try writer.append(TokenDocument(tokens: [1], learns: [true]), to: .train) }
        }
        let error = #expect(throws: OuroError.self) { try TokenDataset(folder: folder.url) }
        #expect(error?.file?.hasSuffix("dataset.json") == true)
    }

    @Test func shardsThatDisagreeWithTheListAreRefused() throws {
        let folder = try DataFolder()
        try Self.write(folder, [[1, 2], [3, 4, 5]], shardTokens: 3)
        _ = try folder.shard(named: "train-00002.tokens", [[9]])
        let error = #expect(throws: OuroError.self) { try TokenDataset(folder: folder.url) }
        #expect(error?.file?.hasSuffix("train-00002.tokens") == true)
        try FileManager.default.removeItem(at: folder.file("train-00002.tokens"))
        #expect(throws: OuroError.self) { try TokenDataset(folder: folder.url) }
        #expect(throws: OuroError.self) { try TokenDataset(folder: folder.url, part: .valid) }
    }

    @Test(arguments: [
        #"{"version":2,"vocabulary_size":9,"end_of_text":0,"train":[],"valid":[]}"#,
        #"{"version":1,"vocabulary_size":9,"end_of_text":0,"train":[{"file":"../x","tokens":1,"documents":1}],"valid":[]}"#,
        #"{"version":1,"vocabulary_size":9,"end_of_text":0,"train":[]}"#, "[]", "", "{",
        #"{"version":1,"version":1,"vocabulary_size":9,"end_of_text":0,"train":[],"valid":[]}"#,
    ])
    func listsThatAreNoneAreRefused(text: String) throws {
        let folder = try DataFolder()
        try folder.write("dataset.json", text)
        let error = #expect(throws: OuroError.self) { try TokenDataset(folder: folder.url) }
        #expect(error?.code == .invalidData)
    }
}
