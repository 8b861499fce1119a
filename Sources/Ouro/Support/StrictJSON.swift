import Foundation

/// Reads JSON files that other programs have written.
///
/// Foundation's readers disagree about a key that stands in an object twice (one takes the first value, the other the
/// last), which lets a file mean two things; so that is an error here, and nesting is bounded before any of it is parsed.
package enum StrictJSON {
    /// Objects and arrays inside each other; model folders need fewer than ten.
    package static let depthLimit = 64

    /// The bytes of a file.
    ///
    /// - Throws: ``OuroError`` with code `unreadableFile` if it is missing or unreadable, with `code` if it is longer than
    ///   `limit` bytes.
    package static func read(_ url: URL, limit: Int, code: OuroError.Code) throws(OuroError) -> Data {
        let data: Data
        do {
            var isDirectory: ObjCBool = false
            guard FileManager.default.fileExists(atPath: url.path, isDirectory: &isDirectory) else {
                throw OuroError(.unreadableFile, file: url.path, "there is no such file")
            }
            guard !isDirectory.boolValue else {
                throw OuroError(.unreadableFile, file: url.path, "expected a file, found a directory")
            }
            let handle = try FileHandle(forReadingFrom: url)
            defer { try? handle.close() }
            data = try handle.read(upToCount: limit + 1) ?? Data()
        } catch let error as OuroError {
            throw error
        } catch {
            throw OuroError(.unreadableFile, file: url.path, "cannot be read: \(error.localizedDescription)")
        }
        guard data.count <= limit else {
            throw OuroError(code, file: url.path, "the file is longer than \(limit) bytes")
        }
        return data
    }

    /// Decodes a value after ``check(_:file:code:)``.
    ///
    /// - Throws: ``OuroError`` with `code`, naming `file` and, where it is known, the field.
    package static func decode<Value: Decodable>(
        _ type: Value.Type, from data: Data, file: String, code: OuroError.Code
    ) throws(OuroError) -> Value {
        try check(data, file: file, code: code)
        do {
            return try JSONDecoder().decode(type, from: data)
        } catch let error as OuroError {
            throw error
        } catch let DecodingError.typeMismatch(_, context), let DecodingError.valueNotFound(_, context),
            let DecodingError.keyNotFound(_, context)
        {
            let path = context.codingPath.map { $0.intValue.map(String.init) ?? $0.stringValue }.joined(separator: ".")
            throw OuroError(code, file: file, field: path.isEmpty ? nil : path, context.debugDescription)
        } catch {
            throw OuroError(code, file: file, "the file is not valid JSON")
        }
    }

    /// Checks that no object has a key twice and that nesting is bounded. Other faults are left to the parser.
    package static func check(_ data: Data, file: String, code: OuroError.Code) throws(OuroError) {
        try scan(data, file: file, code: code) { _, _ in }
    }

    /// The names of objects' members in the order of the text, by the object's place, as in `a.b[0]`.
    ///
    /// - Throws: as ``check(_:file:code:)``.
    package static func memberOrder(
        _ data: Data, file: String, code: OuroError.Code
    ) throws(OuroError) -> [String: [String]] {
        var order: [String: [String]] = [:]
        try scan(data, file: file, code: code) { levels, key in
            var place = ""
            for level in levels.dropLast() {
                if level.keys == nil {
                    place += "[\(level.index)]"
                } else {
                    place += (place.isEmpty ? "" : ".") + String(decoding: level.key, as: UTF8.self)
                }
            }
            order[place, default: []].append(String(decoding: key, as: UTF8.self))
        }
        return order
    }

    /// An object or array that is open.
    private struct Level {
        /// The keys so far; nil for an array.
        var keys: Set<[UInt8]>?
        /// The last of them.
        var key: [UInt8] = []
        /// The place of the array's current value.
        var index = 0
    }

    private static func scan(
        _ data: Data, file: String, code: OuroError.Code, onKey: (_ levels: [Level], _ key: [UInt8]) -> Void
    ) throws(OuroError) {
        try data.withUnsafeBytes { bytes in
            Result { () throws(OuroError) in try scan(bytes, file: file, code: code, onKey: onKey) }
        }.get()
    }

    private static func scan(
        _ bytes: UnsafeRawBufferPointer, file: String, code: OuroError.Code, onKey: ([Level], [UInt8]) -> Void
    ) throws(OuroError) {
        var open: [Level] = []
        var index = 0
        while index < bytes.count {
            switch bytes[index] {
            case UInt8(ascii: "{"), UInt8(ascii: "["):
                guard open.count < depthLimit else {
                    throw OuroError(code, file: file, "values are nested deeper than \(depthLimit) levels")
                }
                open.append(Level(keys: bytes[index] == UInt8(ascii: "{") ? [] : nil))
            case UInt8(ascii: "}"), UInt8(ascii: "]"):
                _ = open.popLast()
            case UInt8(ascii: ","):
                if let last = open.indices.last { open[last].index += 1 }
            case UInt8(ascii: "\""):
                let start = index + 1
                index = start
                var hasEscape = false
                while index < bytes.count, bytes[index] != UInt8(ascii: "\"") {
                    if bytes[index] == UInt8(ascii: "\\") {
                        hasEscape = true
                        index += 1
                    }
                    index += 1
                }
                guard index < bytes.count else {
                    throw OuroError(code, file: file, "the file is not valid JSON: a string has no end")
                }
                if let last = open.indices.last, open[last].keys != nil, isKey(bytes, after: index + 1) {
                    let key = text(bytes[start..<index], hasEscape: hasEscape)
                    open[last].key = key
                    if open[last].keys?.insert(key).inserted == false {
                        throw OuroError(
                            code, file: file, field: String(decoding: key, as: UTF8.self), "the key stands there twice")
                    }
                    onKey(open, key)
                }
            case 0:
                // The parser would take this for UTF-16, in which this scan finds no keys.
                throw OuroError(code, file: file, "the file is not valid JSON: expected UTF-8, found a zero byte")
            default: break
            }
            index += 1
        }
    }

    private static func isKey(_ bytes: UnsafeRawBufferPointer, after start: Int) -> Bool {
        var index = start
        while index < bytes.count, [0x20, 0x09, 0x0A, 0x0D].contains(bytes[index]) { index += 1 }
        return index < bytes.count && bytes[index] == UInt8(ascii: ":")
    }

    private static func text(_ bytes: Slice<UnsafeRawBufferPointer>, hasEscape: Bool) -> [UInt8] {
        let raw = Array(bytes)
        guard hasEscape, let decoded = try? JSONDecoder().decode(String.self, from: Data([0x22] + raw + [0x22])) else {
            return raw
        }
        return Array(decoded.utf8)
    }
}
