import Foundation

/// `model.safetensors.index.json`: which file of a model folder holds which tensor.
package struct ShardIndex: Decodable {
    package static let name = "model.safetensors.index.json"
    /// As for the header of a safetensors file.
    static let byteLimit = SafetensorsHeader.byteLimit

    /// The file name of every tensor's shard.
    let shards: [String: String]

    /// Names of all shards, sorted.
    package var shardNames: [String] { Set(shards.values).sorted() }

    /// - Throws: ``OuroError`` with code `invalidCheckpoint` if the index is malformed or a shard's name could lead out
    ///   of the folder.
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

    /// Whether a name is that of a file, not a path (`../x`, `/x`, `a\x`).
    static func isPlain(_ name: String) -> Bool {
        name.hasSuffix(".safetensors") && !name.hasPrefix(".")
            && name.unicodeScalars.allSatisfy {
                $0 != "/" && $0 != "\\" && $0.properties.generalCategory != .control
            }
    }
}
