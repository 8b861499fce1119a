import Foundation

/// Writes the weights of a model folder: `model.safetensors`, or shards with an index if one file would be too large.
///
/// Files are named and split as Transformers does: in the order of the declarations, a shard is closed before the tensor
/// that would make it too large, and a tensor larger than a shard has one of its own. The index appears last, so that a
/// folder either has the whole checkpoint or none. Not thread-safe: one owner writes it.
public final class CheckpointWriter {
    /// Transformers' limit since version 4.
    public static let defaultShardByteLimit = 5_000_000_000

    /// Names of the files, in the order of their tensors.
    public let fileNames: [String]
    private let writers: [SafetensorsWriter]
    private let fileIndices: [String: Int]
    private let indexURL: URL

    /// - Parameters:
    ///   - shardByteLimit: bytes of tensors in one file, its header not counted.
    /// - Throws: ``OuroError`` with code `unwritableFile`, also if the folder has shards, or has a single file that would
    ///   be read in place of the shards to be written. A single file is replaced by a single file.
    public init(
        folder: URL, tensors: [TensorDeclaration], shardByteLimit: Int = defaultShardByteLimit,
        metadata: [String: String] = ["format": "pt"]
    ) throws(OuroError) {
        let shards = try Self.split(tensors, shardByteLimit: shardByteLimit, folder: folder)
        if shards.count == 1 {
            fileNames = [Checkpoint.singleFileName]
        } else {
            fileNames = shards.indices.map { Self.shardName($0 + 1, of: shards.count) }
        }
        indexURL = folder.appendingPathComponent(ShardIndex.name)
        for other in shards.count == 1 ? [ShardIndex.name] : [ShardIndex.name, Checkpoint.singleFileName] {
            let path = folder.appendingPathComponent(other).path
            guard !FileManager.default.fileExists(atPath: path) else {
                throw OuroError(
                    .unwritableFile, file: path,
                    "the folder has another checkpoint, which would be mixed up with the new one; "
                        + "remove it or choose another folder")
            }
        }
        var writers: [SafetensorsWriter] = []
        var fileIndices: [String: Int] = [:]
        for (index, (name, shard)) in zip(fileNames, shards).enumerated() {
            writers.append(
                try SafetensorsWriter(to: folder.appendingPathComponent(name), tensors: shard, metadata: metadata))
            for tensor in shard where fileIndices.updateValue(index, forKey: tensor.name) != nil {
                throw OuroError(.unwritableFile, file: folder.path, field: tensor.name, "the name is taken already")
            }
        }
        self.writers = writers
        self.fileIndices = fileIndices
    }

    /// Writes all bytes of a tensor, row after row; tensors may come in any order.
    ///
    /// - Throws: ``OuroError`` with code `unwritableFile` as ``SafetensorsWriter/write(_:_:)``.
    public func write(_ name: String, _ bytes: UnsafeRawBufferPointer) throws(OuroError) {
        guard let index = fileIndices[name] else {
            throw OuroError(.unwritableFile, file: indexURL.path, field: name, "not declared")
        }
        try writers[index].write(name, bytes)
    }

    /// Flushes all files and gives them their names, the index last.
    ///
    /// - Throws: ``OuroError`` with code `unwritableFile` if tensors have not been written or the disk is full.
    public func finish() throws(OuroError) {
        for writer in writers { try writer.checkIsComplete() }
        for writer in writers { try writer.finish() }
        guard writers.count > 1 else { return }
        try AtomicFile.write(Data(indexText.utf8), to: indexURL)
    }

    /// Laid out as Transformers does: two spaces of indentation, keys sorted.
    private var indexText: String {
        let total = writers.reduce(0) { $0 + ($1.tensors.last?.byteRange.upperBound ?? 0) }
        let entries = fileIndices.sorted { $0.key.utf8.lexicographicallyPrecedes($1.key.utf8) }.map {
            "    \(JSONText.quote($0.key)): \(JSONText.quote(fileNames[$0.value]))"
        }
        return "{\n  \"metadata\": {\n    \"total_size\": \(total)\n  },\n  \"weight_map\": {\n"
            + entries.joined(separator: ",\n") + "\n  }\n}\n"
    }

    private static func split(
        _ tensors: [TensorDeclaration], shardByteLimit: Int, folder: URL
    ) throws(OuroError) -> [[TensorDeclaration]] {
        var shards: [[TensorDeclaration]] = []
        var (open, openSize): ([TensorDeclaration], Int) = ([], 0)
        for tensor in tensors {
            guard let size = tensor.elementType.byteCount(shape: tensor.shape) else {
                throw OuroError(
                    .unwritableFile, file: folder.path, field: NameList.clipped(tensor.name),
                    "\(NameList.text(tensor.shape)) is no shape, or its size does not fit 64 bits")
            }
            if size > shardByteLimit {
                shards.append([tensor])
                continue
            }
            // Not a sum, which could overflow.
            if size > shardByteLimit - openSize {
                shards.append(open)
                (open, openSize) = ([], 0)
            }
            open.append(tensor)
            openSize += size
        }
        if !open.isEmpty || shards.isEmpty { shards.append(open) }
        return shards
    }

    private static func shardName(_ number: Int, of count: Int) -> String {
        "model-\(number.digits(5))-of-\(count.digits(5)).safetensors"
    }
}
