import Foundation
import Ouro

/// `dataset.json`: the list of a data set's token shards. It is written last, so a folder without it has no complete
/// data set.
struct DatasetManifest: Equatable {
    struct Shard: Equatable {
        let file: String
        let tokens: Int
        let documents: Int
    }

    static let fileName = "dataset.json"

    let version: Int
    let vocabularySize: Int
    /// The token that ends every document.
    let endOfText: Int
    let train: [Shard]
    let valid: [Shard]

    func shards(_ part: DatasetPart) -> [Shard] { part == .train ? train : valid }

    /// Reads and checks the list in a folder.
    ///
    /// - Throws: `OuroError` with code `unreadableFile` or `invalidData`.
    static func load(from folder: URL) throws(OuroError) -> DatasetManifest {
        let url = folder.appendingPathComponent(fileName)
        guard FileManager.default.fileExists(atPath: url.path) else {
            throw OuroError(
                .unreadableFile, file: url.path, "there is no such file; 'ouro data pack' writes it at its end"
            )
        }
        let data = try LimitedFile.read(url, limit: 64 << 20, code: .invalidData)
        let fields = try Fields(parsing: data, source: .init(code: .invalidData, file: url.path))
        func count(_ name: String, _ fields: Fields) throws(OuroError) -> Int {
            try fields.required(name, fields.integer(name, 0...Int.max))
        }
        let version = try fields.required("version", fields.integer("version", 1...1))
        func shards(_ name: String) throws(OuroError) -> [Shard] {
            var shards: [Shard] = []
            for entry in try fields.required(name, fields.objects(name)) {
                let file = try entry.required("file", entry.string("file"))
                guard !file.isEmpty, !file.utf8.contains(UInt8(ascii: "/")), file.utf8.first != UInt8(ascii: ".") else {
                    throw entry.failure(
                        "file", "expected the name of a file in the same folder, found \(JSONValue.quote(file))")
                }
                shards.append(
                    Shard(file: file, tokens: try count("tokens", entry), documents: try count("documents", entry)))
            }
            return shards
        }
        return DatasetManifest(
            version: version, vocabularySize: try count("vocabulary_size", fields),
            endOfText: try count("end_of_text", fields), train: try shards("train"), valid: try shards("valid"))
    }

    func write(to folder: URL) throws(OuroError) {
        func list(_ shards: [Shard]) -> JSONValue {
            .array(
                shards.map {
                    .object(["file": .string($0.file), "tokens": .int($0.tokens), "documents": .int($0.documents)])
                })
        }
        let value = JSONValue.object([
            "version": .int(version), "vocabulary_size": .int(vocabularySize), "end_of_text": .int(endOfText),
            "train": list(train), "valid": list(valid),
        ])
        try AtomicFile.write(Data(value.fileText.utf8), to: folder.appendingPathComponent(Self.fileName))
    }
}
