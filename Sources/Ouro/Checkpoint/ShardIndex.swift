import Foundation

/// The index of a sharded checkpoint, `model.safetensors.index.json`: which file holds which tensor.
package struct ShardIndex: Decodable {
    package static let name = "model.safetensors.index.json"
    /// The limit is that of the header of a safetensors file.
    static let byteLimit = SafetensorsHeader.byteLimit

    /// The file name of each tensor's shard.
    let shards: [String: String]

    /// The names of all shards, sorted.
    package var shardNames: [String] { Set(shards.values).sorted() }

    /// Reads an index.
    ///
    /// - Throws: ``OuroError`` with code `invalidCheckpoint` if the index is malformed, or if the name of a shard could
    ///   lead out of the folder.
    package init(contentsOf url: URL) throws(OuroError) {
        let data = try StrictJSON.read(url, limit: Self.byteLimit, code: .invalidCheckpoint)
        do {
            self = try StrictJSON.decode(Self.self, from: data, file: url.path, code: .invalidCheckpoint)
        } catch {
            throw OuroError(error.code, file: error.file, field: error.field.map(NameList.clipped), error.message)
        }
        guard !shards.isEmpty else {
            throw OuroError(.invalidCheckpoint, file: url.path, field: "weight_map", "expected tensors, found none")
        }
        for name in shardNames where !Self.isPlain(name) {
            let tensor = shards.filter { $0.value == name }.keys.min() ?? ""
            throw OuroError(
                .invalidCheckpoint, file: url.path, field: "weight_map." + NameList.clipped(tensor),
                "'\(NameList.clipped(name))' is not the plain name of a .safetensors file in the model's folder")
        }
    }

    package init(from decoder: any Decoder) throws {
        let container = try decoder.container(keyedBy: Key.self)
        guard container.contains(.weightMap) else {
            throw DecodingError.keyNotFound(
                Key.weightMap,
                DecodingError.Context(
                    codingPath: [Key.weightMap],
                    debugDescription: "missing; expected an object with the file name of every tensor"))
        }
        shards = try container.decode([String: String].self, forKey: .weightMap)
    }

    private enum Key: String, CodingKey {
        case weightMap = "weight_map"
    }

    /// Whether a name is a plain file name and not a path such as `../x`, `/x` or `a\x`.
    static func isPlain(_ name: String) -> Bool {
        name.hasSuffix(".safetensors") && !name.hasPrefix(".")
            && name.unicodeScalars.allSatisfy {
                $0 != "/" && $0 != "\\" && $0.properties.generalCategory != .control
            }
    }
}
