import Foundation

/// Parses JSON (RFC 8259) in one pass over its bytes.
///
/// The parser is strict. It accepts a byte order mark at the beginning, and nothing else beyond the standard. It refuses
/// a key that appears twice in one object, because programs disagree about which of the two counts. It refuses numbers
/// beyond the range of doubles, lone surrogates, and bytes that are not UTF-8.
///
/// The time is linear in the number of bytes, whatever the shape of the text. Open objects and arrays are on a stack of
/// the parser's own, so the depth needs no stack of the thread.
package struct JSONParser {
    /// The limits of a text.
    package struct Limits: Sendable {
        /// Most objects and arrays inside each other.
        package var depth = 64
        /// Most values in the text, members of objects included.
        package var values: Int
        /// Whether `NaN`, `Infinity` and `-Infinity` are numbers, as Python writes them.
        package var acceptsNonFinite = false

        /// The limits of a file.
        package static let file = Limits(values: 1 << 26)
        /// The limits of a file that Python programs write, such as `config.json`.
        package static let pythonFile = Limits(values: 1 << 26, acceptsNonFinite: true)
        /// The limits of the body of a request.
        package static let request = Limits(values: 1 << 20)
    }

    /// What is wrong with a text, and where.
    struct Fault: Error {
        /// The place in the text, in bytes.
        let offset: Int
        let message: String
        /// The member that the fault is about, if its key is not on the stack.
        var key: String?
        /// Whether the path of the value helps to find the fault.
        var hasPath = true
    }

    /// An object or array that is not closed yet. Its parts are at the end of `values` and `keys`.
    private struct Level {
        let isObject: Bool
        /// The indices of its first value and its first key.
        let firstValue: Int
        let firstKey: Int
    }

    let bytes: UnsafeRawBufferPointer
    let limits: Limits
    /// The next byte.
    var position = 0
    /// The text of the current string, if it has escapes.
    var scratch: [UInt8] = []
    /// The bytes and values handled so far, a measure of the parser's work.
    private(set) var steps = 0
    /// The parsed values of all open levels.
    private var values: [JSONValue] = []
    /// The keys of all open objects, with their places in the text.
    private var keys: [(text: String, offset: Int)] = []
    private var levels: [Level] = []

    init(_ bytes: UnsafeRawBufferPointer, limits: Limits) {
        self.bytes = bytes
        self.limits = limits
    }

    /// Parses the whole text.
    mutating func parse() throws(Fault) -> JSONValue {
        if bytes.count >= 3, bytes[0] == 0xEF, bytes[1] == 0xBB, bytes[2] == 0xBF { position = 3 }
        var count = 0
        while true {
            let begin = nextByte()
            count += 1
            guard count <= limits.values else { throw Fault(offset: position, message: tooMany, hasPath: false) }
            var value: JSONValue
            switch begin {
            case UInt8(ascii: "{"), UInt8(ascii: "["):
                if try open(isObject: begin == UInt8(ascii: "{")) { continue }
                value = close()
            case UInt8(ascii: "\""): value = .string(try string())
            default: value = try scalar(begin)
            }
            // The value may end the levels around it.
            closing: while true {
                guard let level = levels.last else {
                    guard nextByte() == nil else { throw expected("the end of the text") }
                    steps += position
                    return value
                }
                values.append(value)
                let next = nextByte()
                switch next {
                case UInt8(ascii: ","):
                    position += 1
                    if level.isObject {
                        try key(orEnd: false)
                    } else if nextByte() == UInt8(ascii: "]") {
                        throw expected("a value after ','")
                    }
                    break closing
                case UInt8(ascii: "}") where level.isObject:
                    position += 1
                    value = try closeObject(level)
                case UInt8(ascii: "]") where !level.isObject:
                    position += 1
                    value = close()
                default: throw expected(level.isObject ? "',' or '}'" : "',' or ']'")
                }
            }
        }
    }

    private var tooMany: String { "expected at most \(limits.values) values in the whole text, found more" }

    // MARK: objects and arrays

    /// Opens an object or array. Returns whether a value must follow: the level is neither empty nor closed.
    private mutating func open(isObject: Bool) throws(Fault) -> Bool {
        guard levels.count < limits.depth else {
            throw Fault(
                offset: position,
                message: "expected at most \(limits.depth) objects and arrays inside each other, found more",
                hasPath: false)
        }
        levels.append(Level(isObject: isObject, firstValue: values.count, firstKey: keys.count))
        position += 1
        if isObject { return try key(orEnd: true) }
        guard nextByte() == UInt8(ascii: "]") else { return true }
        position += 1
        return false
    }

    /// Reads a key and its colon. Returns false at the end of the object, if it may end here.
    @discardableResult
    private mutating func key(orEnd mayEnd: Bool) throws(Fault) -> Bool {
        let next = nextByte()
        if mayEnd, next == UInt8(ascii: "}") {
            position += 1
            return false
        }
        guard next == UInt8(ascii: "\"") else { throw expected(mayEnd ? "'\"' or '}'" : "'\"' of a key after ','") }
        let offset = position
        keys.append((try string(), offset))
        guard nextByte() == UInt8(ascii: ":") else { throw expected("':'") }
        position += 1
        return true
    }

    /// Closes an array, or an object without members.
    private mutating func close() -> JSONValue {
        guard let level = levels.popLast() else { return .null }
        guard !level.isObject else { return .object(JSONObject()) }
        guard values.count > level.firstValue else { return .array([]) }
        let elements = Array(values[level.firstValue...])
        values.removeSubrange(level.firstValue...)
        steps += elements.count
        return .array(elements)
    }

    private mutating func closeObject(_ level: Level) throws(Fault) -> JSONValue {
        var members: [JSONObject.Element] = []
        let count = keys.count - level.firstKey
        members.reserveCapacity(count)
        for index in 0..<count { members.append((keys[level.firstKey + index].text, values[level.firstValue + index])) }
        steps += count
        var repeated: Int?
        let object = JSONObject(checking: members) { repeated = $0 }
        if let repeated {
            let (key, offset) = keys[level.firstKey + repeated]
            keys.removeSubrange(level.firstKey...)
            throw Fault(offset: offset, message: "the key appears twice; remove one of them", key: key)
        }
        values.removeSubrange(level.firstValue...)
        keys.removeSubrange(level.firstKey...)
        levels.removeLast()
        return .object(object)
    }

    // MARK: the text

    /// Skips white space. Returns the next byte without consuming it; nil at the end.
    private mutating func nextByte() -> UInt8? {
        while position < bytes.count {
            switch bytes[position] {
            case 0x20, 0x0A, 0x0D, 0x09: position += 1
            case let byte: return byte
            }
        }
        return nil
    }

    func byte(at offset: Int) -> UInt8? { offset < bytes.count ? bytes[offset] : nil }

    /// A number, `true`, `false` or `null`.
    private mutating func scalar(_ first: UInt8?) throws(Fault) -> JSONValue {
        guard let first else { throw expected("a value") }
        switch first {
        case UInt8(ascii: "t") where take("true"): return .bool(true)
        case UInt8(ascii: "f") where take("false"): return .bool(false)
        case UInt8(ascii: "n") where take("null"): return .null
        case UInt8(ascii: "-"), UInt8(ascii: "0")...UInt8(ascii: "9"):
            if limits.acceptsNonFinite, take("-Infinity") { return .double(-.infinity) }
            return try number()
        case UInt8(ascii: "N") where limits.acceptsNonFinite && take("NaN"): return .double(.nan)
        case UInt8(ascii: "I") where limits.acceptsNonFinite && take("Infinity"): return .double(.infinity)
        default: throw expected("a value")
        }
    }

    private mutating func take(_ word: StaticString) -> Bool {
        let end = position + word.utf8CodeUnitCount
        guard end <= bytes.count else { return false }
        for index in 0..<word.utf8CodeUnitCount where bytes[position + index] != word.utf8Start[index] { return false }
        position = end
        return true
    }
}

// MARK: - errors

extension JSONParser {
    /// The fault at the next byte.
    func expected(_ what: String) -> Fault {
        Fault(offset: position, message: "expected \(what), found \(found(at: position))")
    }

    /// What is at a place of the text, for an error message.
    func found(at offset: Int) -> String {
        guard let first = byte(at: offset) else { return "the end of the text" }
        if first == 0 { return "a zero byte" }
        let length = utf8Length(at: offset)
        guard length > 0,
            let scalar = String(decoding: bytes[offset..<offset + length], as: UTF8.self).unicodeScalars.first
        else { return "the byte 0x" + first.digits(2, radix: 16).uppercased() }
        switch scalar.properties.generalCategory {
        case .control, .format, .lineSeparator, .paragraphSeparator, .unassigned, .privateUse, .spaceSeparator,
            .nonspacingMark, .enclosingMark, .surrogate:
            return "the character U+" + scalar.value.digits(4, radix: 16).uppercased()
        default: return "'\(scalar)'"
        }
    }

    /// The path of the value that is being parsed, such as `messages[0].role`. Nil for the outermost value.
    private func path(_ fault: Fault) -> String? {
        guard fault.hasPath else { return nil }
        var path = ""
        for (index, level) in levels.enumerated() {
            if level.isObject {
                let next = index + 1 < levels.count ? levels[index + 1].firstKey : keys.count
                guard next > level.firstKey else { break }
                path += (path.isEmpty ? "" : ".") + NameList.clipped(keys[next - 1].text)
            } else {
                let next = index + 1 < levels.count ? levels[index + 1].firstValue : values.count
                path += "[\(next - level.firstValue)]"
            }
        }
        if let key = fault.key { path += (path.isEmpty ? "" : ".") + NameList.clipped(key) }
        return path.isEmpty ? nil : NameList.clipped(path)
    }

    /// The line and the column of a place, from 1. A column is a character.
    private func place(of offset: Int) -> (line: Int, column: Int) {
        var line = 1
        var start = 0
        for index in 0..<min(offset, bytes.count) where bytes[index] == UInt8(ascii: "\n") {
            line += 1
            start = index + 1
        }
        if line == 1, offset >= 3, bytes.starts(with: [0xEF, 0xBB, 0xBF]) { start = 3 }
        return (line, 1 + bytes[start..<max(start, offset)].lazy.filter { $0 & 0xC0 != 0x80 }.count)
    }

    fileprivate func error(_ fault: Fault, file: String?, line: Int?, code: OuroError.Code) -> OuroError {
        let place = place(of: fault.offset)
        let path = path(fault)
        guard let line else {
            return OuroError(
                code, file: file, field: path, "line \(place.line), column \(place.column): \(fault.message)")
        }
        return OuroError(
            code, file: file, field: "line \(line)" + (path.map { ": \($0)" } ?? ""),
            "column \(place.column): \(fault.message)")
    }

    /// Parses a text, and counts the work.
    ///
    /// - Parameters:
    ///   - bytes: the text.
    ///   - limits: the limits of the text.
    ///   - file: the name of the file in errors.
    ///   - line: the line of the text in a file of JSON lines; nil for other files.
    ///   - code: the code of errors.
    /// - Returns: the value; and the number of bytes and values that were handled.
    package static func parse(
        _ bytes: UnsafeRawBufferPointer, limits: Limits, file: String?, line: Int? = nil, code: OuroError.Code
    ) throws(OuroError) -> (value: JSONValue, steps: Int) {
        var parser = JSONParser(bytes, limits: limits)
        do throws(Fault) {
            let value = try parser.parse()
            return (value, parser.steps)
        } catch {
            throw parser.error(error, file: file, line: line, code: code)
        }
    }
}

extension JSONValue {
    /// Parses a text.
    ///
    /// - Parameters:
    ///   - bytes: the UTF-8 bytes of one JSON value.
    ///   - file: the name of the file in errors.
    ///   - code: the code of errors.
    ///   - limits: the limits of the text.
    ///   - line: the line of the text in a file of JSON lines; nil for other files.
    /// - Throws: ``OuroError`` with `code`. It names the line, the column, and the path of the value if it is inside
    ///   another one.
    package init(
        parsing bytes: some ContiguousBytes, file: String?, code: OuroError.Code, limits: JSONParser.Limits = .file,
        line: Int? = nil
    ) throws(OuroError) {
        self = try bytes.withUnsafeBytes { bytes in
            Result { () throws(OuroError) in
                try JSONParser.parse(bytes, limits: limits, file: file, line: line, code: code).value
            }
        }.get()
    }

    /// Reads a file.
    ///
    /// - Throws: ``OuroError`` with code `unreadableFile` if the file is missing or unreadable, and with `code` if it
    ///   has more than `limit` bytes or is not JSON.
    package init(
        contentsOf url: URL, limit: Int, code: OuroError.Code, limits: JSONParser.Limits = .file
    ) throws(OuroError) {
        try self.init(
            parsing: LimitedFile.read(url, limit: limit, code: code), file: url.path, code: code, limits: limits)
    }
}

extension JSONObject {
    /// Parses the text of an object.
    ///
    /// - Throws: like `JSONValue.init(parsing:file:code:limits:)`, and with `code` if the value is not an object.
    package init(
        parsing bytes: some ContiguousBytes, file: String?, code: OuroError.Code, limits: JSONParser.Limits = .file
    ) throws(OuroError) {
        let value = try JSONValue(parsing: bytes, file: file, code: code, limits: limits)
        guard case .object(let members) = value else {
            throw OuroError(code, file: file, "expected a JSON object, found \(value.typeName)")
        }
        self = members
    }
}
