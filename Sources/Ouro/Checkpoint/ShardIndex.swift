import Foundation

/// The index of a sharded checkpoint, `model.safetensors.index.json`: which file holds which tensor.
package struct ShardIndex {
    package static let name = "model.safetensors.index.json"
    /// The limit is that of the header of a safetensors file.
    static let byteLimit = SafetensorsHeader.byteLimit

    /// The file name of each tensor's shard.
    let shards: ExactDictionary<String>

    /// The names of all shards, sorted.
    package var shardNames: [String] { Set(shards.values.map { ExactString($0) }).sorted().map(\.text) }

    /// Reads an index.
    ///
    /// - Throws: ``OuroError`` with code `invalidCheckpoint` if the index is malformed, or if the name of a shard could
    ///   lead out of the folder.
    package init(contentsOf url: URL) throws(OuroError) {
        let data = try LimitedFile.read(url, limit: Self.byteLimit, code: .invalidCheckpoint)
        let fields = try Fields(parsing: data, source: .init(code: .invalidCheckpoint, file: url.path))
        guard let map = try fields.object(Self.mapName) else {
            throw fields.failure(
                Self.mapName, "the field is missing; expected an object with the file name of every tensor")
        }
        var shards: ExactDictionary<String> = [:]
        for (tensor, name) in map.members {
            guard case .string(let name) = name else {
                throw map.mismatch(NameList.clipped(tensor), name, "the name of a file")
            }
            shards[tensor] = name
        }
        self.shards = shards
        guard !shards.isEmpty else {
            throw OuroError(.invalidCheckpoint, file: url.path, field: Self.mapName, "expected tensors, found none")
        }
        for name in shardNames where !Self.isPlain(name) {
            let tensor = shards.first { $0.value.hasSameBytes(as: name) }?.key ?? ""
            throw OuroError(
                .invalidCheckpoint, file: url.path, field: "\(Self.mapName)." + NameList.clipped(tensor),
                "'\(NameList.clipped(name))' is not the plain name of a .safetensors file in the model's folder")
        }
    }

    private static let mapName = "weight_map"

    /// Whether a name is a plain file name and not a path such as `../x`, `/x` or `a\x`.
    static func isPlain(_ name: String) -> Bool {
        name.utf8.suffix(12).elementsEqual(".safetensors".utf8) && name.utf8.first != UInt8(ascii: ".")
            && name.unicodeScalars.allSatisfy {
                $0 != "/" && $0 != "\\" && $0.properties.generalCategory != .control
            }
    }
}
