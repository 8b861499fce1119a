import Foundation
import Ouro

/// `dataset.json`: the list of a data set's token shards. It is written last, so a folder without it has no complete
/// data set.
struct DatasetManifest: Codable, Equatable {
    struct Shard: Codable, Equatable {
        let file: String
        let tokens: Int
        let documents: Int
    }

    static let fileName = "dataset.json"

    let version: Int
    let vocabulary_size: Int
    /// The token that ends every document.
    let end_of_text: Int
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
        let data = try StrictJSON.read(url, limit: 64 << 20, code: .invalidData)
        let manifest = try StrictJSON.decode(DatasetManifest.self, from: data, file: url.path, code: .invalidData)
        guard manifest.version == 1 else {
            throw OuroError(.invalidData, file: url.path, field: "version", "expected 1, found \(manifest.version)")
        }
        for shard in manifest.train + manifest.valid {
            guard !shard.file.isEmpty, !shard.file.contains("/"), !shard.file.hasPrefix(".") else {
                throw OuroError(
                    .invalidData, file: url.path, field: "file",
                    "expected the name of a file in the same folder, found '\(shard.file)'")
            }
        }
        return manifest
    }

    func write(to folder: URL) throws(OuroError) {
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.prettyPrinted, .sortedKeys, .withoutEscapingSlashes]
        let url = folder.appendingPathComponent(Self.fileName)
        guard let data = try? encoder.encode(self) else {
            throw OuroError(.unwritableFile, file: url.path, "the list of shards cannot be encoded")
        }
        try AtomicFile.write(data + Data("\n".utf8), to: url)
    }
}
