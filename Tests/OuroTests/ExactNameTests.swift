import Foundation
import Testing

@testable import Ouro

/// Names that look alike but have other bytes are different names everywhere: in checkpoints, vocabularies, templates
/// and caches.
@Suite struct ExactNameTests {
    private static let composed = "\u{e9}"
    private static let decomposed = "e\u{301}"
    private let folder: CheckpointFolder

    init() throws { folder = try CheckpointFolder() }

    @Test func tensorsOfAFile() throws {
        let url = try folder.write(
            "x.safetensors", SafetensorsBytes.bytes([(Self.composed, 1), (Self.decomposed, 2)]))
        let file = try SafetensorsFile(contentsOf: url)
        #expect(file.tensors.count == 2)
        #expect(file.tensors[Self.composed]?.shape == [1] && file.tensors[Self.decomposed]?.shape == [2])
        let copy = folder.file("y.safetensors")
        let writer = try SafetensorsWriter(
            to: copy, tensors: file.tensors.values.map { .init(name: $0.name, elementType: .u8, shape: $0.shape) })
        for (name, info) in file.tensors { try writer.write(name, file.bytes(of: info)) }
        try writer.finish()
        let again = try SafetensorsFile(contentsOf: copy)
        #expect(try again.ints(Self.decomposed) == [1, 2] && again.ints(Self.composed) == [0])
    }

    @Test func tensorsAndShardsOfACheckpoint() throws {
        let (first, second) = (Self.composed + ".safetensors", Self.decomposed + ".safetensors")
        try folder.write(first, SafetensorsBytes.bytes([(Self.decomposed, 1)]))
        try folder.write(second, SafetensorsBytes.bytes([(Self.composed, 2)]))
        try folder.write(
            ShardIndex.name, "{\"weight_map\":{\"\(Self.composed)\":\"\(second)\",\"\(Self.decomposed)\":\"\(first)\"}}"
        )
        let checkpoint = try Checkpoint(folder: folder.url)
        #expect(checkpoint.tensors.count == 2)
        #expect(checkpoint.tensors[Self.composed]?.shape == [2] && checkpoint.tensors[Self.decomposed]?.shape == [1])
        #expect(checkpoint.filePath(of: Self.composed).utf8.suffix(second.utf8.count).elementsEqual(second.utf8))
        try folder.write(
            ShardIndex.name, "{\"weight_map\":{\"\(Self.composed)\":\"\(first)\",\"\(Self.decomposed)\":\"\(second)\"}}"
        )
        let error = failure { () throws(OuroError) in _ = try Checkpoint(folder: folder.url) }
        #expect(error?.message.hasPrefix("tensors are not in the shard that the index names") == true)
    }

    @Test func namesOfShardsAreJudgedByBytes() {
        #expect(!ShardIndex.isPlain("../\u{301}x.safetensors") && !ShardIndex.isPlain(".\u{301}x.safetensors"))
        #expect(ShardIndex.isPlain("\u{301}x.safetensors"))
    }

    @Test func piecesOfAVocabulary() throws {
        let vocabulary = "{\"\(Self.composed)\": 0, \"\(Self.decomposed)\": 1, \"a\": 2}"
        let text = TemporaryTokenizer.text(vocabulary: vocabulary, merges: "[]")
        let tokenizer = try TemporaryTokenizer.load(text)
        #expect(tokenizer.id(of: Self.composed) == 0 && tokenizer.id(of: Self.decomposed) == 1)
        #expect(tokenizer.vocabularySize == 3)
    }

    @Test func membersAndVariablesOfATemplate() throws {
        let template = try ChatTemplate(source: "{{ K }} {{ x['\u{e9}'] }} {{ x['e\u{301}'] }} {{ x | length }}")
        let members: JSONObject = [Self.composed: .int(1), Self.decomposed: .int(2)]
        let text = try template.render(
            messages: [ChatMessage(role: "user", content: "")],
            arguments: ["K": .string("own"), "\u{212A}": .string("foreign"), "x": .object(members)])
        #expect(text == "own 1 2 2")
    }

    @Test func saltsOfTheCache() {
        let one = PrefixRoot.Key(loops: 1, salt: ExactString(Self.composed))
        #expect(one != PrefixRoot.Key(loops: 1, salt: ExactString(Self.decomposed)))
        #expect(one == PrefixRoot.Key(loops: 1, salt: ExactString("\u{e9}")))
    }
}
