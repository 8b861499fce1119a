import Foundation

/// The header of a safetensors file: the names, types, shapes and places of its tensors.
///
/// A file consists of the length of the header in 8 bytes, the header, and the data section. The header is a JSON
/// object. The tensors cover the data section exactly, without overlaps and without gaps.
struct SafetensorsHeader {
    /// The limit of the format's own library, in bytes.
    static let byteLimit = 100_000_000
    static let metadataKey = "__metadata__"

    /// All tensors, in the order of their places in the file.
    let tensors: [TensorInfo]
    let metadata: [String: String]

    /// Reads and checks a header.
    ///
    /// - Parameters:
    ///   - json: the header without its length.
    ///   - dataByteCount: the number of bytes after the header.
    ///   - file: the name of the file in errors.
    /// - Throws: ``OuroError`` with code `invalidCheckpoint`, or with `unsupported` for an unknown type. The field is
    ///   the name of the tensor.
    init(_ json: Data, dataByteCount: Int, file: String) throws(OuroError) {
        guard json.first == UInt8(ascii: "{") else {
            throw OuroError(
                .invalidCheckpoint, file: file, field: "header", "expected a JSON object, which begins with '{'")
        }
        let fields: Fields
        do throws(OuroError) {
            fields = try Fields(parsing: json, source: .init(code: .invalidCheckpoint, file: file))
        } catch {
            // The path of a place in the header is the name of a tensor.
            throw OuroError(error.code, file: file, field: error.field ?? "header", error.message)
        }
        let entries = try HeaderEntries(fields)
        metadata = entries.metadata
        tensors = entries.tensors.sorted {
            ($0.byteRange.lowerBound, $0.byteRange.upperBound, ExactString($0.name))
                < ($1.byteRange.lowerBound, $1.byteRange.upperBound, ExactString($1.name))
        }
        try checkCover(dataByteCount, file: file)
    }

    private func checkCover(_ dataByteCount: Int, file: String) throws(OuroError) {
        var covered = 0
        var last: TensorInfo?
        for tensor in tensors {
            let range = tensor.byteRange
            func fault(_ message: String) -> OuroError {
                OuroError(.invalidCheckpoint, file: file, field: NameList.clipped(tensor.name), message)
            }
            guard range.upperBound <= dataByteCount else {
                throw fault(
                    "bytes \(range.lowerBound) to \(range.upperBound) run past the end: the file has \(dataByteCount) "
                        + "bytes of data; it may have been downloaded in part")
            }
            guard range.lowerBound >= covered else {
                throw fault(
                    "begins at byte \(range.lowerBound), but \(Self.quoted(last)) ends at byte \(covered): they overlap"
                )
            }
            guard range.lowerBound == covered else {
                throw fault(
                    "begins at byte \(range.lowerBound), but \(Self.quoted(last)) ends at byte \(covered): "
                        + "the bytes between belong to no tensor")
            }
            covered = range.upperBound
            last = tensor
        }
        guard covered == dataByteCount else {
            throw OuroError(
                .invalidCheckpoint, file: file, field: "header",
                "the tensors take \(covered) bytes, but \(dataByteCount) bytes of data follow the header")
        }
    }

    private static func quoted(_ tensor: TensorInfo?) -> String {
        tensor.map { "'\(NameList.clipped($0.name))'" } ?? "the header"
    }
}

/// The members of a header's object.
private struct HeaderEntries {
    var tensors: [TensorInfo] = []
    var metadata: [String: String] = [:]

    private let fields: Fields

    init(_ fields: Fields) throws(OuroError) {
        self.fields = fields
        tensors.reserveCapacity(fields.members.count)
        for (name, value) in fields.members {
            if name.hasSameBytes(as: SafetensorsHeader.metadataKey) {
                try readMetadata(value)
            } else {
                tensors.append(try tensor(name, value))
            }
        }
    }

    private mutating func readMetadata(_ value: JSONValue) throws(OuroError) {
        // MLX writes null if there is no metadata. The format's library accepts it too.
        if value == .null { return }
        guard case .object(let members) = value else {
            throw fault(SafetensorsHeader.metadataKey, "expected an object of strings, found \(value.summary)")
        }
        for (key, value) in members {
            guard case .string(let text) = value else {
                throw fault(
                    SafetensorsHeader.metadataKey,
                    "\(NameList.clipped(key)): expected a string, found \(value.summary)")
            }
            metadata[key] = text
        }
    }

    private func tensor(_ name: String, _ value: JSONValue) throws(OuroError) -> TensorInfo {
        guard case .object(let entry) = value else {
            throw fault(name, "expected an object with dtype, shape and data_offsets, found \(value.summary)")
        }
        let keys = entry.keys.sortedByBytes()
        guard keys == ["data_offsets", "dtype", "shape"] else {
            throw fault(name, "expected exactly dtype, shape and data_offsets, found \(NameList.text(keys))")
        }
        guard case .string(let type)? = entry["dtype"] else { throw fault(name, "dtype: expected a string") }
        guard let elementType = ElementType(rawValue: type) else {
            throw OuroError(
                .unsupported, file: fields.file, field: NameList.clipped(name),
                "dtype: '\(NameList.clipped(type))' is not known; known are "
                    + ElementType.allCases.map(\.rawValue).joined(separator: ", "))
        }
        let shape = try counts("shape", of: name, in: entry)
        let offsets = try counts("data_offsets", of: name, in: entry)
        guard let begin = offsets.first, let end = offsets.last, offsets.count == 2 else {
            throw fault(name, "data_offsets: expected two numbers, found \(offsets.count)")
        }
        guard begin <= end else {
            throw fault(name, "data_offsets: the end, \(end), lies before the beginning, \(begin)")
        }
        guard let size = elementType.byteCount(shape: shape) else {
            throw fault(name, "shape: the size of \(NameList.text(shape)) does not fit 64 bits")
        }
        guard size == end - begin else {
            throw fault(
                name, "\(NameList.text(shape)) of \(type) takes \(size) bytes, but data_offsets span \(end - begin)")
        }
        return TensorInfo(name: name, elementType: elementType, shape: shape, byteRange: begin..<end)
    }

    private func counts(_ key: String, of name: String, in entry: JSONObject) throws(OuroError) -> [Int] {
        guard case .array(let values)? = entry[key] else {
            throw fault(name, "\(key): expected a list of integers from 0 to \(Int.max)")
        }
        var result: [Int] = []
        result.reserveCapacity(values.count)
        for value in values {
            guard let number = value.exactInteger, number >= 0 else {
                throw fault(
                    name, "\(key): expected a list of integers from 0 to \(Int.max), found \(value.summary) in it")
            }
            result.append(number)
        }
        return result
    }

    private func fault(_ name: String, _ message: String) -> OuroError {
        OuroError(.invalidCheckpoint, file: fields.file, field: NameList.clipped(name), message)
    }
}
