import Foundation

/// Writes the weights of a model folder: `model.safetensors`, or shards with an index if one file would be too large.
///
/// The files are named and split as in Transformers. Tensors keep the order of their declarations. A shard ends before
/// the tensor that would exceed the limit. A tensor above the limit has a shard of its own.
///
/// The index appears last, so a folder contains either the whole checkpoint or none. Not thread-safe: one owner writes
/// it.
public final class CheckpointWriter {
    /// The default limit of a shard in bytes, as in Transformers since version 4.
    public static let defaultShardByteLimit = 5_000_000_000

    /// The names of the files, in the order of their tensors.
    public let fileNames: [String]
    private let writers: [SafetensorsWriter]
    private let fileIndices: ExactDictionary<Int>
    private let indexURL: URL

    /// Creates the files under temporary names.
    ///
    /// - Parameters:
    ///   - folder: the folder to write. It must exist.
    ///   - tensors: all tensors of the checkpoint.
    ///   - shardByteLimit: most bytes of tensors in one file, without its header.
    ///   - metadata: the `__metadata__` of every file.
    /// - Throws: ``OuroError`` with code `unwritableFile`. This includes a folder that already has shards, or a single
    ///   file when shards are to be written. A single file is replaced by a single file.
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
        var fileIndices: ExactDictionary<Int> = [:]
        for (index, (name, shard)) in zip(fileNames, shards).enumerated() {
            writers.append(
                try SafetensorsWriter(to: folder.appendingPathComponent(name), tensors: shard, metadata: metadata))
            for tensor in shard {
                guard fileIndices[tensor.name] == nil else {
                    throw OuroError(.unwritableFile, file: folder.path, field: tensor.name, "the name is taken already")
                }
                fileIndices[tensor.name] = index
            }
        }
        self.writers = writers
        self.fileIndices = fileIndices
    }

    /// Writes all bytes of a tensor, in row-major order. The order of the calls is free.
    ///
    /// - Throws: ``OuroError`` with code `unwritableFile`, like ``SafetensorsWriter/write(_:_:)``.
    public func write(_ name: String, _ bytes: UnsafeRawBufferPointer) throws(OuroError) {
        guard let index = fileIndices[name] else {
            throw OuroError(.unwritableFile, file: indexURL.path, field: name, "the tensor was not declared")
        }
        try writers[index].write(name, bytes)
    }

    /// Flushes all files and gives them their names. The index comes last.
    ///
    /// - Throws: ``OuroError`` with code `unwritableFile` if a tensor has not been written or the disk is full.
    public func finish() throws(OuroError) {
        for writer in writers { try writer.checkIsComplete() }
        for writer in writers { try writer.finish() }
        guard writers.count > 1 else { return }
        try AtomicFile.write(Data(indexText.utf8), to: indexURL)
    }

    /// The text of the index in Transformers' layout: an indentation of two spaces, and sorted keys.
    private var indexText: String {
        let total = writers.reduce(0) { $0 + ($1.tensors.last?.byteRange.upperBound ?? 0) }
        let entries = fileIndices.sortedByKey().map {
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
                    "expected a shape whose size in bytes fits into 64 bits, found \(NameList.text(tensor.shape))")
            }
            if size > shardByteLimit {
                shards.append([tensor])
                continue
            }
            // A sum could overflow, so the limit is compared with a difference.
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
