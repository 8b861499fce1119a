import Foundation

/// The weights of a model folder: one `model.safetensors`, or shards with an index.
///
/// Opening a checkpoint reads only the headers. The weights of mapped files are read when they are used.
public struct Checkpoint: Sendable {
    package static let singleFileName = "model.safetensors"

    /// All tensors of all files. The byte range of a tensor counts within its own file.
    public private(set) var tensors: ExactDictionary<TensorInfo>
    /// The path of the single file or the index, for error messages.
    package let path: String
    private let files: [SafetensorsFile]
    /// The index in `files` of the file that holds a tensor.
    private let fileIndices: ExactDictionary<Int>
    /// Values in memory that replace those in the files.
    private var replacements: ExactDictionary<AlignedMemory> = [:]

    /// Opens `model.safetensors`. If there is none, opens the shards in `model.safetensors.index.json`.
    ///
    /// - Parameters:
    ///   - folder: the model folder.
    ///   - mapped: whether to map the files. If not, they are read into memory at once. Mapped files must not change
    ///     while they are in use.
    /// - Throws: ``OuroError`` with code `unreadableFile` for missing files and for symbolic links that lead out of the
    ///   folder. The code is `invalidCheckpoint` for malformed files and for an index that contradicts its shards. The
    ///   errors of ``SafetensorsFile`` are passed on.
    public init(folder: URL, mapped: Bool = true) throws(OuroError) {
        let folder = try ModelFolder(folder)
        if let url = try folder.file(Self.singleFileName) {
            let file = try SafetensorsFile(contentsOf: url, mapped: mapped)
            path = url.path
            files = [file]
            fileIndices = file.tensors.mapValues { _ in 0 }
            tensors = file.tensors
            return
        }
        guard let url = try folder.file(ShardIndex.name) else { throw Self.nothingFound(in: folder) }
        let index = try ShardIndex(contentsOf: url)
        let names = index.shardNames
        var urls: [URL] = []
        var missing: [String] = []
        for name in names {
            if let url = try folder.file(name) { urls.append(url) } else { missing.append(name) }
        }
        guard missing.isEmpty else {
            throw OuroError(
                .unreadableFile, file: url.path, field: "weight_map",
                "\(missing.count) of \(names.count) shards are missing: \(NameList.text(missing))")
        }
        var files: [SafetensorsFile] = []
        for url in urls { files.append(try SafetensorsFile(contentsOf: url, mapped: mapped)) }
        try Self.check(index, against: files, named: names, path: url.path)
        path = url.path
        self.files = files
        var tensors: ExactDictionary<TensorInfo> = [:]
        var fileIndices: ExactDictionary<Int> = [:]
        for (position, file) in files.enumerated() {
            for (name, info) in file.tensors {
                tensors[name] = info
                fileIndices[name] = position
            }
        }
        self.tensors = tensors
        self.fileIndices = fileIndices
    }

    /// The address of a tensor's bytes, in row-major order. Valid while this value lives. The bytes may be unaligned.
    ///
    /// - Throws: ``OuroError`` if there is no such tensor, or if its file has become shorter.
    package func rawTensor(_ name: String) throws(OuroError) -> (UnsafeRawPointer, TensorInfo) {
        let (bytes, info) = try bytes(of: name)
        // A tensor without elements may have no address. Any valid address will do, because nothing is read from it.
        return (bytes.baseAddress ?? UnsafeRawPointer(Self.emptyTensor.base), info)
    }

    /// The bytes of a tensor, as in `rawTensor(_:)`.
    package func bytes(of name: String) throws(OuroError) -> (UnsafeRawBufferPointer, TensorInfo) {
        if let memory = replacements[name], let info = tensors[name] {
            return (UnsafeRawBufferPointer(start: memory.base, count: memory.byteCount), info)
        }
        guard let (file, info) = place(of: name) else {
            throw OuroError(.invalidCheckpoint, file: path, field: name, "there is no such tensor")
        }
        let bytes = try file.bytes(of: info)
        file.memory.prefetch(file.range(of: info))
        return (bytes, info)
    }

    /// A copy of the checkpoint with other values for some of its tensors.
    package func replacing(_ values: ExactDictionary<(memory: AlignedMemory, info: TensorInfo)>) -> Checkpoint {
        var copy = self
        for (name, value) in values {
            copy.replacements[name] = value.memory
            copy.tensors[name] = value.info
        }
        return copy
    }

    /// Releases the memory of a mapped tensor's pages. The system reads the pages again at the next access.
    package func releasePages(of name: String) {
        guard let (file, info) = place(of: name) else { return }
        file.memory.release(file.range(of: info))
    }

    /// The path of the file that holds a tensor, for error messages.
    package func filePath(of name: String) -> String { place(of: name)?.file.memory.file.path ?? path }

    private func place(of name: String) -> (file: SafetensorsFile, info: TensorInfo)? {
        guard let index = fileIndices[name], files.indices.contains(index), let info = files[index].tensors[name] else {
            return nil
        }
        return (files[index], info)
    }

    private static let emptyTensor = AlignedMemory(byteCount: 0)
}

extension Checkpoint {
    /// Checks that every tensor is in the shard that the index names for it, and that the shards hold no other tensors.
    private static func check(
        _ index: ShardIndex, against files: [SafetensorsFile], named names: [String], path: String
    ) throws(OuroError) {
        func fault(_ tensors: some Sequence<String>, _ message: String) -> OuroError {
            let sorted = tensors.sortedByBytes()
            return OuroError(
                .invalidCheckpoint, file: path, field: sorted.first.map(NameList.clipped),
                "\(message): \(NameList.text(sorted))")
        }
        var holders: ExactDictionary<String> = [:]
        var repeated: [String] = []
        for (name, file) in zip(names, files) {
            for tensor in file.tensors.keys {
                if holders[tensor] != nil { repeated.append(tensor) }
                holders[tensor] = name
            }
        }
        guard repeated.isEmpty else { throw fault(repeated, "more than one shard holds these tensors") }
        let lacking = index.shards.filter { holders[$0.key]?.hasSameBytes(as: $0.value) != true }
        guard lacking.isEmpty else {
            throw fault(lacking.keys, "tensors are not in the shard that the index names")
        }
        let unnamed = holders.keys.filter { index.shards[$0] == nil }
        guard unnamed.isEmpty else { throw fault(unnamed, "shards hold tensors that the index does not name") }
    }

    private static func nothingFound(in folder: ModelFolder) -> OuroError {
        var message = "found neither \(singleFileName) nor \(ShardIndex.name)"
        let names = folder.names
        let foreign = names.filter { name in
            [".bin", ".gguf", ".pt", ".pth", ".npz", ".ckpt"].contains { name.hasSuffix($0) }
        }
        let unnamed = names.filter { $0.hasSuffix(".safetensors") }
        if !unnamed.isEmpty {
            message += "; there is \(NameList.text(unnamed)), which needs an index or the usual name"
        } else if !foreign.isEmpty {
            message += "; there is \(NameList.text(foreign)): convert to safetensors"
        }
        return OuroError(.unreadableFile, file: folder.url.path, message)
    }
}
