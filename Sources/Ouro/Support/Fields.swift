import Foundation
import Synchronization

/// The members of an object in a file or a request, with methods that read a member as a type.
///
/// Every method throws an error that names the member, what was expected, and what was found. A missing member is nil.
/// The object remembers which members were asked for, so that ``refuseUnread()`` can refuse the others.
package struct Fields: Sendable {
    /// Where an object comes from, and the rules for its values.
    package struct Source: Sendable {
        /// The code of errors.
        package var code: OuroError.Code
        /// The name of the file in errors; nil if there is none.
        package var file: String?
        /// The line of the object in a file of JSON lines; nil for other files.
        package var line: Int?
        /// Whether a member that is null counts as missing.
        package var nullIsMissing = true
        /// Whether numbers and booleans are texts, as in YAML. `1_000` and `3e12` are integers then.
        package var scalarsAreTexts = false
        /// The line of each place, by its path. Empty if lines are unknown.
        package var lines: ExactDictionary<Int> = [:]

        package init(
            code: OuroError.Code, file: String?, line: Int? = nil, nullIsMissing: Bool = true,
            scalarsAreTexts: Bool = false, lines: ExactDictionary<Int> = [:]
        ) {
            (self.code, self.file, self.line) = (code, file, line)
            (self.nullIsMissing, self.scalarsAreTexts, self.lines) = (nullIsMissing, scalarsAreTexts, lines)
        }
    }

    /// All members, including those that are null.
    package let members: JSONObject
    package let source: Source
    /// The path of the object; empty for the outermost one.
    package let path: String
    private let asked = Asked()

    private final class Asked: Sendable {
        let names = Mutex<[String]>([])
    }

    package init(_ members: JSONObject, path: String = "", source: Source) {
        (self.members, self.path, self.source) = (members, path, source)
    }

    /// Parses the text of an object.
    ///
    /// - Throws: ``OuroError`` with the source's code if the text is not a JSON object.
    package init(
        parsing bytes: some ContiguousBytes, source: Source, limits: JSONParser.Limits = .file
    ) throws(OuroError) {
        let value = try JSONValue(
            parsing: bytes, file: source.file, code: source.code, limits: limits, line: source.line)
        guard case .object(let members) = value else {
            throw OuroError(
                source.code, file: source.file, field: source.line.map { "line \($0)" },
                "expected a JSON object, found \(value.typeName)")
        }
        self.init(members, source: source)
    }

    package var file: String? { source.file }

    /// A member. Nil if it is missing, or null where null counts as missing.
    package subscript(name: String) -> JSONValue? {
        asked.names.withLock { if !$0.containsBytes(of: name) { $0.append(name) } }
        let value = members[name]
        return source.nullIsMissing && value == .null ? nil : value
    }

    package func has(_ name: String) -> Bool { self[name] != nil }

    /// The path of a member, as it appears in errors: `messages[0].role`.
    package func path(of name: String) -> String { path.isEmpty ? name : "\(path).\(name)" }

    /// An error about a member.
    package func failure(_ name: String, code: OuroError.Code? = nil, _ message: String) -> OuroError {
        let place = name.isEmpty ? path : path(of: name)
        let line = source.lines[place] ?? source.lines[path]
        return OuroError(
            code ?? source.code, file: source.file.map { file in line.map { "\(file):\($0)" } ?? file },
            field: source.line.map { "line \($0): \(place)" } ?? place, message)
    }

    /// An error about the type or the range of a member.
    package func mismatch(_ name: String, _ value: JSONValue?, _ expected: String) -> OuroError {
        failure(name, "expected \(expected), found \(value?.summary ?? "nothing")")
    }

    // MARK: members by type

    /// A string.
    ///
    /// - Parameter bytes: the allowed number of UTF-8 bytes; nil allows any.
    package func string(_ name: String, bytes: ClosedRange<Int>? = nil) throws(OuroError) -> String? {
        guard let value = self[name] else { return nil }
        return try string(value, name, bytes: bytes)
    }

    private func string(_ value: JSONValue, _ name: String, bytes: ClosedRange<Int>?) throws(OuroError) -> String {
        guard case .string(let text) = value else { throw mismatch(name, value, "a string") }
        if let bytes, !bytes.contains(text.utf8.count) {
            throw failure(
                name, "expected a string of \(Self.text(bytes)) bytes, found \(value.summary) of \(text.utf8.count)")
        }
        return text
    }

    /// A boolean.
    package func flag(_ name: String) throws(OuroError) -> Bool? {
        switch self[name] {
        case nil: return nil
        case .bool(let flag)?: return flag
        case .string("true")? where source.scalarsAreTexts: return true
        case .string("false")? where source.scalarsAreTexts: return false
        case let value?: throw mismatch(name, value, "true or false")
        }
    }

    /// An integer. `1e6` and `10000.0` are integers too.
    package func integer(_ name: String, _ range: ClosedRange<Int> = .min ... .max) throws(OuroError) -> Int? {
        guard let value = self[name] else { return nil }
        return try integer(value, name, range)
    }

    /// An element of an array, or a member, as an integer.
    package func integer(_ value: JSONValue, _ name: String, _ range: ClosedRange<Int>) throws(OuroError) -> Int {
        guard let number = numeric(value).exactInteger, range.contains(number) else {
            throw mismatch(name, value, "an integer" + Self.limits(range))
        }
        return number
    }

    /// A finite number.
    package func number(
        _ name: String, _ range: ClosedRange<Double> = -Double.greatestFiniteMagnitude ... .greatestFiniteMagnitude
    ) throws(OuroError) -> Double? {
        guard let value = self[name] else { return nil }
        return try number(value, name, range)
    }

    package func number(
        _ value: JSONValue, _ name: String, _ range: ClosedRange<Double>
    ) throws(OuroError) -> Double {
        let number = numeric(value).number
        guard let number, range.contains(number) else {
            let isFinite = number?.isFinite ?? true
            throw mismatch(name, value, (isFinite ? "a number" : "a finite number") + Self.limits(range))
        }
        return number
    }

    /// A word out of a list.
    package func choice(_ name: String, of words: [String]) throws(OuroError) -> String? {
        guard let value = self[name] else { return nil }
        guard case .string(let text) = value, words.containsBytes(of: text) else {
            throw mismatch(name, value, Self.list(words))
        }
        return text
    }

    /// An array.
    ///
    /// - Parameters:
    ///   - count: the allowed number of elements.
    ///   - what: what the elements are, for errors: `strings`.
    package func array(
        _ name: String, count: ClosedRange<Int> = 0...Int.max, of what: String = "values"
    ) throws(OuroError) -> [JSONValue]? {
        guard let value = self[name] else { return nil }
        guard case .array(let elements) = value else {
            throw mismatch(name, value, "an array of \(count == 0...Int.max ? "" : Self.text(count) + " ")\(what)")
        }
        guard count.contains(elements.count) else {
            throw failure(name, "expected \(Self.text(count)) \(what), found \(elements.count)")
        }
        return elements
    }

    /// An array of strings.
    package func strings(
        _ name: String, count: ClosedRange<Int> = 0...Int.max, bytes: ClosedRange<Int>? = nil
    ) throws(OuroError) -> [String]? {
        guard let elements = try array(name, count: count, of: "strings") else { return nil }
        var result: [String] = []
        result.reserveCapacity(elements.count)
        for (index, element) in elements.enumerated() {
            result.append(try string(element, "\(name)[\(index)]", bytes: bytes))
        }
        return result
    }

    /// An array of integers.
    package func integers(
        _ name: String, _ range: ClosedRange<Int> = .min ... .max, count: ClosedRange<Int> = 0...Int.max
    ) throws(OuroError) -> [Int]? {
        guard let elements = try array(name, count: count, of: "integers") else { return nil }
        var result: [Int] = []
        result.reserveCapacity(elements.count)
        for (index, element) in elements.enumerated() {
            result.append(try integer(element, "\(name)[\(index)]", range))
        }
        return result
    }

    /// An object inside this one.
    package func object(_ name: String) throws(OuroError) -> Fields? {
        guard let value = self[name] else { return nil }
        return try object(value, name)
    }

    /// An element of an array, or a member, as an object.
    package func object(_ value: JSONValue, _ name: String) throws(OuroError) -> Fields {
        guard case .object(let members) = value else { throw mismatch(name, value, "an object") }
        return Fields(members, path: path(of: name), source: source)
    }

    /// An array of objects.
    package func objects(_ name: String, count: ClosedRange<Int> = 0...Int.max) throws(OuroError) -> [Fields]? {
        guard let elements = try array(name, count: count, of: "objects") else { return nil }
        var result: [Fields] = []
        result.reserveCapacity(elements.count)
        for (index, element) in elements.enumerated() { result.append(try object(element, "\(name)[\(index)]")) }
        return result
    }

    /// A member that must exist: `required("vocab_size", fields.integer("vocab_size"))`.
    package func required<Value>(_ name: String, _ value: Value?) throws(OuroError) -> Value {
        guard let value else { throw missing(name) }
        return value
    }

    package func missing(_ name: String) -> OuroError {
        let known = asked.names.withLock { $0 }
        let similar = NameSuggestion.closest(to: name, among: members.keys.filter { !known.containsBytes(of: $0) })
        return failure(
            name,
            "the field is missing"
                + (similar.map { "; did you mean it where you wrote '\(NameList.clipped($0))'?" } ?? ""))
    }

    /// The number in a text, where numbers are texts.
    private func numeric(_ value: JSONValue) -> JSONValue {
        guard source.scalarsAreTexts, case .string(let text) = value else { return value }
        let digits = text.filter { $0 != "_" }
        if let number = Int(digits) { return .int(number) }
        return Double(digits).map { .double($0) } ?? value
    }

    // MARK: unknown members

    /// Refuses members that are not among `names`.
    package func allow(only names: [String]) throws(OuroError) {
        for (name, _) in members where !names.containsBytes(of: name) {
            let suggestion = NameSuggestion.closest(to: name, among: names).map { "did you mean '\($0)'? " } ?? ""
            throw failure(
                NameList.clipped(name),
                "there is no such field; \(suggestion)expected one of: \(names.joined(separator: ", "))")
        }
    }

    /// Refuses members that no method was asked for. Call it after all members were read.
    package func refuseUnread() throws(OuroError) {
        try allow(only: asked.names.withLock { $0 })
    }
}

// MARK: - texts for errors

extension Fields {
    /// The bounds of a range: ` from 1 to 64`. Empty if the range has no bounds.
    static func limits(_ range: ClosedRange<Int>) -> String {
        switch (range.lowerBound, range.upperBound) {
        case (.min, .max): ""
        case (let least, .max): " from \(least)"
        case (.min, let most): " up to \(most)"
        case (let least, let most): " from \(least) to \(most)"
        }
    }

    static func limits(_ range: ClosedRange<Double>) -> String {
        if range.lowerBound == -.greatestFiniteMagnitude, range.upperBound == .greatestFiniteMagnitude { return "" }
        return " from \(text(range.lowerBound)) to \(text(range.upperBound))"
    }

    private static func text(_ number: Double) -> String { Int(exactly: number).map(String.init) ?? "\(number)" }

    static func text(_ range: ClosedRange<Int>) -> String {
        switch (range.lowerBound, range.upperBound) {
        case (0, let most): "at most \(most)"
        case (let least, .max): "at least \(least)"
        case (let least, let most) where least == most: "\(least)"
        case (let least, let most): "\(least) to \(most)"
        }
    }

    private static func list(_ words: [String]) -> String {
        let quoted = words.map { "'\($0)'" }
        guard quoted.count > 1, let last = quoted.last else { return quoted.joined() }
        return quoted.dropLast().joined(separator: ", ") + " or " + last
    }
}

extension JSONValue {
    /// The value for an error message. Numbers, booleans and strings appear themselves, but shortened; other values as
    /// their type.
    package var summary: String {
        switch self {
        case .bool(let value): "\(value)"
        case .int(let value): "\(value)"
        case .double(let value): "\(value)"
        case .bigInteger(let digits): digits.utf8.count > 40 ? digits.prefix(40) + "..." : digits
        case .string(let text): Self.quote(text)
        case .array(let elements): "an array of \(elements.count) \(elements.count == 1 ? "element" : "elements")"
        default: typeName
        }
    }

    /// A text for an error message: in quotes, cut after 40 characters, without control characters.
    package static func quote(_ text: String) -> String { "'\(NameList.clipped(text, limit: 40))'" }
}

/// Finds the name that a user probably meant.
package enum NameSuggestion {
    /// The name that differs least from `text`. Nil if all differ by more than a third of their characters.
    package static func closest(to text: String, among names: [String]) -> String? {
        let limit = 40
        guard text.utf8.count <= limit else { return nil }
        var best: (name: String, distance: Int)?
        for name in names where name.utf8.count <= limit {
            let distance = distance(Array(text.utf8), Array(name.utf8))
            if distance <= min(text.utf8.count, name.utf8.count) / 3, distance < best?.distance ?? .max {
                best = (name, distance)
            }
        }
        return best?.name
    }

    /// The number of bytes to insert, remove or replace (Levenshtein).
    private static func distance(_ one: [UInt8], _ other: [UInt8]) -> Int {
        var row = Array(0...other.count)
        for (index, byte) in one.enumerated() {
            var diagonal = row[0]
            row[0] = index + 1
            for column in other.indices {
                let replaced = diagonal + (byte == other[column] ? 0 : 1)
                diagonal = row[column + 1]
                row[column + 1] = min(replaced, min(row[column], row[column + 1]) + 1)
            }
        }
        return row[other.count]
    }
}
