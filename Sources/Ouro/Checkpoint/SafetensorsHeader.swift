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
        guard String(validating: json, as: UTF8.self) != nil else {
            throw OuroError(.invalidCheckpoint, file: file, field: "header", "expected UTF-8")
        }
        let entries: HeaderEntries
        do {
            entries = try StrictJSON.decode(HeaderEntries.self, from: json, file: file, code: .invalidCheckpoint)
        } catch {
            // Errors of single entries lack the name of the file.
            throw OuroError(error.code, file: file, field: error.field.map(NameList.clipped), error.message)
        }
        metadata = entries.metadata
        tensors = entries.tensors.sorted {
            ($0.byteRange.lowerBound, $0.byteRange.upperBound, $0.name)
                < ($1.byteRange.lowerBound, $1.byteRange.upperBound, $1.name)
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

/// The members of a header's object. Its errors are ``OuroError`` values without a file.
private struct HeaderEntries: Decodable {
    var tensors: [TensorInfo] = []
    var metadata: [String: String] = [:]

    init(from decoder: any Decoder) throws {
        let container = try decoder.container(keyedBy: AnyKey.self)
        let names = container.allKeys
        tensors.reserveCapacity(names.count)
        for name in names {
            if name.stringValue == SafetensorsHeader.metadataKey {
                // MLX writes null if there is no metadata. The format's library accepts it too.
                if (try? container.decodeNil(forKey: name)) == true { continue }
                guard let values = try? container.decode([String: String].self, forKey: name) else {
                    throw Self.fault(name.stringValue, "expected an object of strings")
                }
                metadata = values
            } else {
                tensors.append(try Self.tensor(name, in: container))
            }
        }
    }

    private static func tensor(_ name: AnyKey, in container: KeyedDecodingContainer<AnyKey>) throws -> TensorInfo {
        guard let entry = try? container.nestedContainer(keyedBy: AnyKey.self, forKey: name) else {
            throw fault(name.stringValue, "expected an object with dtype, shape and data_offsets")
        }
        let keys = entry.allKeys.map(\.stringValue).sorted()
        guard keys == ["data_offsets", "dtype", "shape"] else {
            throw fault(
                name.stringValue, "expected exactly dtype, shape and data_offsets, found \(NameList.text(keys))")
        }
        guard let type = try? entry.decode(String.self, forKey: AnyKey("dtype")) else {
            throw fault(name.stringValue, "dtype: expected a string")
        }
        guard let elementType = ElementType(rawValue: type) else {
            throw OuroError(
                .unsupported, field: NameList.clipped(name.stringValue),
                "dtype: '\(NameList.clipped(type))' is not known; known are "
                    + ElementType.allCases.map(\.rawValue).joined(separator: ", "))
        }
        let shape = try counts("shape", of: name, in: entry)
        let offsets = try counts("data_offsets", of: name, in: entry)
        guard let begin = offsets.first, let end = offsets.last, offsets.count == 2 else {
            throw fault(name.stringValue, "data_offsets: expected two numbers, found \(offsets.count)")
        }
        guard begin <= end else {
            throw fault(name.stringValue, "data_offsets: the end, \(end), lies before the beginning, \(begin)")
        }
        guard let size = elementType.byteCount(shape: shape) else {
            throw fault(name.stringValue, "shape: the size of \(NameList.text(shape)) does not fit 64 bits")
        }
        guard size == end - begin else {
            throw fault(
                name.stringValue,
                "\(NameList.text(shape)) of \(type) takes \(size) bytes, but data_offsets span \(end - begin)")
        }
        return TensorInfo(name: name.stringValue, elementType: elementType, shape: shape, byteRange: begin..<end)
    }

    private static func counts(
        _ key: String, of name: AnyKey, in entry: KeyedDecodingContainer<AnyKey>
    ) throws -> [Int] {
        guard let values = try? entry.decode([Int].self, forKey: AnyKey(key)), values.allSatisfy({ $0 >= 0 }) else {
            throw fault(name.stringValue, "\(key): expected a list of integers from 0 to \(Int.max)")
        }
        return values
    }

    private static func fault(_ name: String, _ message: String) -> OuroError {
        OuroError(.invalidCheckpoint, field: NameList.clipped(name), message)
    }
}

/// A key of a JSON object with arbitrary keys.
private struct AnyKey: CodingKey {
    let stringValue: String
    var intValue: Int? { nil }

    init(_ text: String) { stringValue = text }
    init(stringValue: String) { self.stringValue = stringValue }
    init?(intValue: Int) { return nil }
}
