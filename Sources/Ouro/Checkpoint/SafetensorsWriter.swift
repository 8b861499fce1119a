import Foundation

/// The name, type and shape of a tensor to write.
public struct TensorDeclaration: Sendable, Equatable {
    /// The name of the tensor.
    public let name: String
    /// The type of its elements.
    public let elementType: ElementType
    /// The sizes of the dimensions, slowest first. Empty for a scalar.
    public let shape: [Int]

    /// Makes a declaration. ``SafetensorsWriter`` checks it.
    ///
    /// - Parameters:
    ///   - name: the name of the tensor.
    ///   - elementType: the type of its elements.
    ///   - shape: the sizes of the dimensions, slowest first.
    public init(name: String, elementType: ElementType, shape: [Int]) {
        self.name = name
        self.elementType = elementType
        self.shape = shape
    }
}

/// Writes a safetensors file tensor by tensor, so that only one tensor needs to be in memory.
///
/// All tensors are declared first. Then their bytes are written, in any order. ``finish()`` makes the complete file
/// appear under its name. A writer that is released before that leaves no file.
///
/// The file has the same bytes as one from the `safetensors` library: tensors are sorted by type and name, and the
/// header is padded with spaces to a multiple of 8 bytes. Not thread-safe: one owner writes it.
public final class SafetensorsWriter {
    /// All tensors, in the order of their places in the file.
    public let tensors: [TensorInfo]
    private let dataStart: Int
    private let file: AtomicFile
    /// The tensors that are not written yet.
    private var remaining: [ExactString: TensorInfo]

    /// Creates the file under a temporary name.
    ///
    /// - Parameters:
    ///   - url: the path of the file.
    ///   - declarations: all tensors of the file.
    ///   - metadata: the header's `__metadata__`. Transformers expects `format: pt`.
    /// - Throws: ``OuroError`` with code `unwritableFile` if the file cannot be created or the declarations are
    ///   invalid: a repeated name, a negative dimension, or a header above 100 MB.
    public init(
        to url: URL, tensors declarations: [TensorDeclaration], metadata: [String: String] = ["format": "pt"]
    ) throws(OuroError) {
        let tensors = try Self.layOut(declarations, path: url.path)
        let header = Self.header(tensors, metadata: metadata)
        guard header.count <= SafetensorsHeader.byteLimit else {
            throw OuroError(
                .unwritableFile, file: url.path, field: "header",
                "\(tensors.count) tensors take a header of \(header.count) bytes; expected at most "
                    + "\(SafetensorsHeader.byteLimit)")
        }
        self.tensors = tensors
        remaining = Dictionary(
            tensors.map { (ExactString($0.name), $0) }, uniquingKeysWith: { first, _ in first })
        dataStart = 8 + header.count
        file = try AtomicFile(url)
        try file.write(withUnsafeBytes(of: UInt64(header.count).littleEndian) { Data($0) } + header, at: 0)
    }

    /// Writes all bytes of a tensor, in row-major order.
    ///
    /// - Throws: ``OuroError`` with code `unwritableFile` if the tensor was not declared or has been written already,
    ///   if the number of bytes does not match the shape and type, or if the disk is full.
    public func write(_ name: String, _ bytes: UnsafeRawBufferPointer) throws(OuroError) {
        guard let info = remaining[ExactString(name)] else {
            throw OuroError(
                .unwritableFile, file: file.path, field: name,
                "the tensor was not declared, or has been written already")
        }
        guard bytes.count == info.byteRange.count else {
            throw OuroError(
                .unwritableFile, file: file.path, field: name,
                "\(NameList.text(info.shape)) of \(info.elementType.rawValue) takes \(info.byteRange.count) bytes, "
                    + "found \(bytes.count)")
        }
        try file.write(bytes, at: dataStart + info.byteRange.lowerBound)
        remaining[ExactString(name)] = nil
    }

    /// Flushes the file and gives it its name.
    ///
    /// - Throws: ``OuroError`` with code `unwritableFile` if a tensor has not been written or the disk is full.
    public func finish() throws(OuroError) {
        try checkIsComplete()
        try file.commit()
    }

    /// Throws if a tensor has not been written.
    func checkIsComplete() throws(OuroError) {
        let lacking = remaining.values.filter { !$0.byteRange.isEmpty }.map(\.name).sortedByBytes()
        guard lacking.isEmpty else {
            throw OuroError(
                .unwritableFile, file: file.path, field: lacking.first,
                "tensors have not been written: \(NameList.text(lacking))")
        }
    }

    /// Sorts the tensors like the format's library: later types first, then by the UTF-8 bytes of the names.
    private static func layOut(
        _ declarations: [TensorDeclaration], path: String
    ) throws(OuroError) -> [TensorInfo] {
        let ranks = Dictionary(
            ElementType.allCases.enumerated().map { ($0.element, $0.offset) }, uniquingKeysWith: { first, _ in first })
        let sorted = declarations.sorted { a, b in
            let (left, right) = (ranks[a.elementType] ?? 0, ranks[b.elementType] ?? 0)
            return left != right ? left > right : a.name.utf8.lexicographicallyPrecedes(b.name.utf8)
        }
        var names: Set<ExactString> = [ExactString(SafetensorsHeader.metadataKey)]
        var end = 0
        var tensors: [TensorInfo] = []
        for declaration in sorted {
            func fault(_ message: String) -> OuroError {
                OuroError(.unwritableFile, file: path, field: NameList.clipped(declaration.name), message)
            }
            guard names.insert(ExactString(declaration.name)).inserted else { throw fault("the name is taken already") }
            guard let size = declaration.elementType.byteCount(shape: declaration.shape) else {
                throw fault(
                    "expected a shape whose size in bytes fits into 64 bits, found \(NameList.text(declaration.shape))")
            }
            let (next, overflows) = end.addingReportingOverflow(size)
            guard !overflows else { throw fault("the size of all tensors does not fit 64 bits") }
            tensors.append(
                TensorInfo(
                    name: declaration.name, elementType: declaration.elementType, shape: declaration.shape,
                    byteRange: end..<next))
            end = next
        }
        return tensors
    }

    private static func header(_ tensors: [TensorInfo], metadata: [String: String]) -> Data {
        var members: [String] = []
        if !metadata.isEmpty {
            let pairs = metadata.sorted { $0.key < $1.key }.map {
                JSONText.quote($0.key) + ":" + JSONText.quote($0.value)
            }
            members.append(JSONText.quote(SafetensorsHeader.metadataKey) + ":{" + pairs.joined(separator: ",") + "}")
        }
        for tensor in tensors {
            let shape = tensor.shape.map(String.init).joined(separator: ",")
            members.append(
                JSONText.quote(tensor.name) + ":{\"dtype\":\"\(tensor.elementType.rawValue)\",\"shape\":[\(shape)],"
                    + "\"data_offsets\":[\(tensor.byteRange.lowerBound),\(tensor.byteRange.upperBound)]}")
        }
        var header = Data(("{" + members.joined(separator: ",") + "}").utf8)
        header.append(contentsOf: repeatElement(UInt8(ascii: " "), count: (8 - header.count % 8) % 8))
        return header
    }
}
