import Foundation

/// Reads JSON files that other programs have written, more strictly than Foundation.
///
/// Foundation's two readers disagree about a key that appears twice in an object: one takes the first value, the other
/// the last. Such a file has two meanings, so this reader rejects it. It also limits the nesting before it parses
/// anything.
package enum StrictJSON {
    /// Most objects and arrays inside each other. Model folders need fewer than ten.
    package static let depthLimit = 64

    /// Reads the bytes of a file.
    ///
    /// - Throws: ``OuroError`` with code `unreadableFile` if the file is missing or unreadable, and with `code` if it
    ///   has more than `limit` bytes.
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

    /// Checks the text with `check(_:file:code:)` and decodes a value.
    ///
    /// - Throws: ``OuroError`` with `code`, the name `file`, and the field if it is known.
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

    /// Checks that no object has a key twice and that the nesting is limited. Other faults are left to the parser.
    package static func check(_ data: Data, file: String, code: OuroError.Code) throws(OuroError) {
        try scan(data, file: file, code: code) { _, _ in }
    }

    /// The keys of every object, in the order of the text. The result's keys are the paths of the objects, such as
    /// `a.b[0]`.
    ///
    /// - Throws: like `check(_:file:code:)`.
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

    /// An object or array that is not closed yet.
    private struct Level {
        /// The keys of an object so far; nil for an array.
        var keys: Set<[UInt8]>?
        /// The last key.
        var key: [UInt8] = []
        /// The index of an array's current value.
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
                    throw OuroError(code, file: file, "the file is not valid JSON: the end of a string is missing")
                }
                if let last = open.indices.last, open[last].keys != nil, isKey(bytes, after: index + 1) {
                    let key = text(bytes[start..<index], hasEscape: hasEscape)
                    open[last].key = key
                    if open[last].keys?.insert(key).inserted == false {
                        throw OuroError(
                            code, file: file, field: String(decoding: key, as: UTF8.self),
                            "the key appears twice; remove one of them")
                    }
                    onKey(open, key)
                }
            case 0:
                // The parser would read a text with zero bytes as UTF-16. This scan would miss its keys.
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
