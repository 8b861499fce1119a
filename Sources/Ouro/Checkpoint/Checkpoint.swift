import Foundation

/// The weights of a model folder: one `model.safetensors`, or shards with an index.
///
/// Opening a checkpoint reads the headers only; weights are read when they are used.
public struct Checkpoint: Sendable {
    package static let singleFileName = "model.safetensors"

    /// All tensors of all files. Their byte ranges are those within their own file.
    public private(set) var tensors: [String: TensorInfo]
    /// The single file or the index, for error messages.
    package let path: String
    private let files: [SafetensorsFile]
    /// Index of the file that holds a tensor.
    private let fileIndices: [String: Int]
    /// Values in memory that stand for those of the files.
    private var replacements: [String: AlignedMemory] = [:]

    /// Opens `model.safetensors` or, if there is none, the shards that `model.safetensors.index.json` names.
    ///
    /// - Parameters:
    ///   - mapped: map the files, so that weights are read when they are used, or read them into memory at once. Mapped
    ///     files must not be changed while they are in use.
    /// - Throws: ``OuroError`` with code `unreadableFile` for missing files and links out of the folder;
    ///   `invalidCheckpoint` for malformed files and for an index that disagrees with its shards; and what
    ///   ``SafetensorsFile`` throws.
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
        var tensors: [String: TensorInfo] = [:]
        var fileIndices: [String: Int] = [:]
        for (position, file) in files.enumerated() {
            tensors.merge(file.tensors) { first, _ in first }
            fileIndices.merge(file.tensors.mapValues { _ in position }) { first, _ in first }
        }
        self.tensors = tensors
        self.fileIndices = fileIndices
    }

    /// A tensor's bytes, row after row, where its file has them: valid as long as this value lives, possibly unaligned.
    ///
    /// - Throws: ``OuroError`` if there is no such tensor or its file has been cut short.
    package func rawTensor(_ name: String) throws(OuroError) -> (UnsafeRawPointer, TensorInfo) {
        let (bytes, info) = try bytes(of: name)
        // A tensor without elements may have no address; nobody reads there.
        return (bytes.baseAddress ?? UnsafeRawPointer(Self.emptyTensor.base), info)
    }

    /// As ``rawTensor(_:)``, with its bounds.
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

    /// The checkpoint with other values for some of its tensors.
    package func replacing(_ values: [String: (memory: AlignedMemory, info: TensorInfo)]) -> Checkpoint {
        var copy = self
        for (name, value) in values {
            copy.replacements[name] = value.memory
            copy.tensors[name] = value.info
        }
        return copy
    }

    /// Gives back the memory that a mapped tensor's pages take; they are read again when they are used again.
    package func releasePages(of name: String) {
        guard let (file, info) = place(of: name) else { return }
        file.memory.release(file.range(of: info))
    }

    /// The file that holds a tensor, for error messages.
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
    /// Every tensor lies in the one shard that the index names for it, and the shards hold no others.
    private static func check(
        _ index: ShardIndex, against files: [SafetensorsFile], named names: [String], path: String
    ) throws(OuroError) {
        func fault(_ tensors: some Sequence<String>, _ message: String) -> OuroError {
            let sorted = tensors.sorted()
            return OuroError(
                .invalidCheckpoint, file: path, field: sorted.first.map(NameList.clipped),
                "\(message): \(NameList.text(sorted))")
        }
        var holders: [String: String] = [:]
        var repeated: Set<String> = []
        for (name, file) in zip(names, files) {
            for tensor in file.tensors.keys where holders.updateValue(name, forKey: tensor) != nil {
                repeated.insert(tensor)
            }
        }
        guard repeated.isEmpty else { throw fault(repeated, "more than one shard holds these tensors") }
        let lacking = index.shards.filter { holders[$0.key] != $0.value }
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
