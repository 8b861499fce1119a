import Foundation

/// A safetensors file: the names, types, shapes and values of its tensors.
///
/// The whole header is checked before any value is read. The checks are those of the `safetensors` library; in
/// addition, a repeated key is an error.
public struct SafetensorsFile: Sendable {
    /// All tensors, by name.
    public let tensors: ExactDictionary<TensorInfo>
    /// The header's `__metadata__`, such as `format: pt`.
    public let metadata: ExactDictionary<String>
    package let memory: MappedFile
    /// The start of the data section in the file, in bytes.
    private let dataStart: Int

    /// Opens a file and reads its header.
    ///
    /// - Parameters:
    ///   - url: the file.
    ///   - mapped: whether to map the file. If not, it is read into memory at once. A mapped file must not change while
    ///     it is in use.
    /// - Throws: ``OuroError`` with code `unreadableFile` or `invalidCheckpoint`. The code is `unsupported` for a type
    ///   that ``ElementType`` lacks, and `memoryExceeded` if the file is to be read and is larger than the available
    ///   memory.
    public init(contentsOf url: URL, mapped: Bool = true) throws(OuroError) {
        let file = try OpenFile(url)
        guard file.byteCount >= 8 else {
            throw OuroError(
                .invalidCheckpoint, file: file.path,
                "the file is \(file.byteCount) bytes long; expected a safetensors file, which has at least 8")
        }
        let prefix = try file.read(0..<8)
        let length = prefix.reversed().reduce(UInt64(0)) { $0 << 8 | UInt64($1) }
        guard length <= SafetensorsHeader.byteLimit, let headerCount = Int(exactly: length) else {
            throw OuroError(
                .invalidCheckpoint, file: file.path, field: "header",
                "its length is given as \(length) bytes; expected at most \(SafetensorsHeader.byteLimit)"
                    + Self.hint(prefix))
        }
        guard headerCount <= file.byteCount - 8 else {
            throw OuroError(
                .invalidCheckpoint, file: file.path, field: "header",
                "its length is given as \(headerCount) bytes, but only \(file.byteCount - 8) follow")
        }
        dataStart = 8 + headerCount
        let header = try SafetensorsHeader(
            file.read(8..<dataStart), dataByteCount: file.byteCount - dataStart, file: file.path)
        metadata = header.metadata
        tensors = ExactDictionary(header.tensors.lazy.map { (key: $0.name, value: $0) })
        memory = try MappedFile(file, mapped: mapped)
    }

    /// The values of a tensor of type F32, F16 or BF16 as f32, in row-major order.
    ///
    /// - Throws: ``OuroError`` with code `invalidCheckpoint` if there is no such tensor or it has another type.
    public func floats(_ name: String) throws(OuroError) -> [Float] {
        let info = try info(name)
        guard let element = info.elementType.kernelElement else {
            throw OuroError(
                .invalidCheckpoint, file: memory.file.path, field: name,
                "expected F32, F16 or BF16, found \(info.elementType.rawValue)")
        }
        let kernels = try Kernels.select()
        let bytes = try bytes(of: info)
        return [Float](unsafeUninitializedCapacity: info.elementCount) { buffer, count in
            if let target = buffer.baseAddress, let source = bytes.baseAddress {
                kernels.table.widen(element, source, info.elementCount, target)
            }
            count = info.elementCount
        }
    }

    /// The values of a tensor of booleans or integers, in row-major order.
    ///
    /// - Throws: ``OuroError`` with code `invalidCheckpoint` if there is no such tensor, it has another type, or a
    ///   value does not fit into 64 bits with sign.
    public func ints(_ name: String) throws(OuroError) -> [Int64] {
        let info = try info(name)
        func values<Value: FixedWidthInteger & BitwiseCopyable>(_: Value.Type) throws(OuroError) -> [Int64] {
            let bytes = try bytes(of: info)
            var result: [Int64] = []
            result.reserveCapacity(info.elementCount)
            for index in 0..<info.elementCount {
                // The values may be unaligned.
                let value = bytes.loadUnaligned(fromByteOffset: index * MemoryLayout<Value>.size, as: Value.self)
                guard let value = Int64(exactly: value) else {
                    throw OuroError(
                        .invalidCheckpoint, file: memory.file.path, field: name,
                        "element \(index) is \(value); expected at most \(Int64.max)")
                }
                result.append(value)
            }
            return result
        }
        switch info.elementType {
        case .bool, .u8: return try values(UInt8.self)
        case .i8: return try values(Int8.self)
        case .i16: return try values(Int16.self)
        case .u16: return try values(UInt16.self)
        case .i32: return try values(Int32.self)
        case .u32: return try values(UInt32.self)
        case .i64: return try values(Int64.self)
        case .u64: return try values(UInt64.self)
        default:
            throw OuroError(
                .invalidCheckpoint, file: memory.file.path, field: name,
                "expected an integer type, found \(info.elementType.rawValue)")
        }
    }

    /// The bytes of a tensor. Valid while this value lives. The bytes may be unaligned.
    package func bytes(of info: TensorInfo) throws(OuroError) -> UnsafeRawBufferPointer {
        try memory.bytes(range(of: info))
    }

    /// The place of a tensor in the file, in bytes from the start of the file.
    package func range(of info: TensorInfo) -> Range<Int> {
        info.byteRange.lowerBound + dataStart..<info.byteRange.upperBound + dataStart
    }

    private func info(_ name: String) throws(OuroError) -> TensorInfo {
        guard let info = tensors[name] else {
            throw OuroError(.invalidCheckpoint, file: memory.file.path, field: name, "there is no such tensor")
        }
        return info
    }

    /// A hint for files of other formats; empty if the format is unknown.
    private static func hint(_ prefix: Data) -> String {
        if prefix.starts(with: "version ".utf8) {
            return "; this is a Git LFS pointer instead of the weights: run 'git lfs pull'"
        }
        if prefix.starts(with: "GGUF".utf8) { return "; this is a GGUF file: convert it to safetensors" }
        if prefix.starts(with: "PK".utf8) { return "; this is a PyTorch file: convert it to safetensors" }
        return ""
    }
}
