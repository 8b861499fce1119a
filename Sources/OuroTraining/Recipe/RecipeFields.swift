import Foundation
import Ouro
import Yams

/// A YAML mapping in a recipe. Every error names the file, the path of the field, and the line.
struct RecipeFields {
    let file: String
    private let path: String
    private let line: Int
    private let mapping: Node.Mapping

    /// The largest recipe, in bytes. A recipe has a few hundred lines; a larger file is something else.
    static let byteLimit = 1 << 18
    /// Limits on nested brackets and on the length of a line, because the YAML parser recurses.
    private static let depthLimit = 32
    private static let lineLimit = 1000

    /// - Throws: `OuroError` with code `invalidRecipe` if the text is not a YAML mapping.
    init(parsing text: String, file: String) throws(OuroError) {
        try Self.checkDepth(text, file: file)
        let node: Node?
        do {
            node = try Yams.compose(yaml: text)
        } catch let error as YamlError {
            throw Self.parsingFailure(error, file: file)
        } catch {
            throw OuroError(.invalidRecipe, file: file, "the file cannot be parsed: \(error)")
        }
        guard let mapping = node?.mapping else {
            throw OuroError(.invalidRecipe, file: file, "expected a YAML mapping with 'model', 'data' and 'stages'")
        }
        self.init(file: file, path: "", line: 1, mapping: mapping)
    }

    private init(file: String, path: String, line: Int, mapping: Node.Mapping) {
        (self.file, self.path, self.line, self.mapping) = (file, path, line, mapping)
    }

    private static func checkDepth(_ text: String, file: String) throws(OuroError) {
        var (depth, line, column) = (0, 1, 0)
        var indents = 0
        for byte in text.utf8 {
            column += 1
            switch byte {
            case UInt8(ascii: "\n"): (line, column, indents) = (line + 1, 0, 0)
            case UInt8(ascii: "["), UInt8(ascii: "{"): depth += 1
            case UInt8(ascii: "]"), UInt8(ascii: "}"): depth = max(0, depth - 1)
            case UInt8(ascii: "-"), UInt8(ascii: "?"): indents += 1
            default: break
            }
            guard depth <= depthLimit, column <= lineLimit, indents <= lineLimit / 4 else {
                throw OuroError(
                    .invalidRecipe, file: "\(file):\(line)",
                    "expected lines of at most \(lineLimit) characters and at most \(depthLimit) nested brackets")
            }
        }
    }

    private static func parsingFailure(_ error: YamlError, file: String) -> OuroError {
        switch error {
        case .scanner(_, let problem, let mark, _), .parser(_, let problem, let mark, _),
            .composer(_, let problem, let mark, _):
            OuroError(.invalidRecipe, file: "\(file):\(mark.line)", "the file is not valid YAML: \(problem)")
        case .duplicatedKeysInMapping(let keys, let context):
            OuroError(
                .invalidRecipe, file: "\(file):\(context.mark.line)",
                "a key occurs twice; remove one: \(keys.sorted().joined(separator: ", "))")
        default: OuroError(.invalidRecipe, file: file, "the file is not valid YAML")
        }
    }

    // MARK: errors

    /// An error about a field of this mapping.
    func failure(_ name: String, _ message: String) -> OuroError {
        let found = mapping.first { $0.key.string == name }
        let line = found?.value.mark?.line ?? found?.key.mark?.line ?? line
        return OuroError(.invalidRecipe, file: "\(file):\(line)", field: path + name, message)
    }

    /// Throws if there is a field that is not among `names`. The error lists them.
    func allow(only names: [String]) throws(OuroError) {
        for (key, _) in mapping {
            guard let name = key.string else {
                throw OuroError(
                    .invalidRecipe, file: "\(file):\(key.mark?.line ?? line)", field: path, "expected names as keys")
            }
            guard !names.contains(name) else { continue }
            throw failure(name, "there is no such field; expected one of: \(names.joined(separator: ", "))")
        }
    }

    // MARK: values

    func has(_ name: String) -> Bool { mapping.contains { $0.key.string == name } }

    private func scalar(_ name: String) throws(OuroError) -> String? {
        guard let node = mapping.first(where: { $0.key.string == name })?.value else { return nil }
        guard let scalar = node.scalar else { throw failure(name, "expected a single value") }
        return scalar.string
    }

    func string(_ name: String) throws(OuroError) -> String? {
        guard let text = try scalar(name) else { return nil }
        guard !text.isEmpty, text.utf8.count <= 1000 else {
            throw failure(name, "expected a text of 1 to 1000 characters")
        }
        return text
    }

    func integer(_ name: String, _ range: ClosedRange<Int>) throws(OuroError) -> Int? {
        guard let text = try scalar(name) else { return nil }
        let digits = text.replacingOccurrences(of: "_", with: "")
        // Accepts scientific notation, such as 3e12.
        guard let value = Int(digits) ?? Double(digits).flatMap({ Int(exactly: $0) }), range.contains(value) else {
            throw failure(
                name, "expected an integer from \(range.lowerBound) to \(range.upperBound), found \(Self.quote(text))")
        }
        return value
    }

    func number(_ name: String, _ range: ClosedRange<Double>) throws(OuroError) -> Double? {
        guard let text = try scalar(name) else { return nil }
        guard let value = Double(text.replacingOccurrences(of: "_", with: "")), range.contains(value) else {
            throw failure(
                name, "expected a number from \(range.lowerBound) to \(range.upperBound), found \(Self.quote(text))")
        }
        return value
    }

    func flag(_ name: String) throws(OuroError) -> Bool? {
        switch try scalar(name) {
        case nil: nil
        case "true": true
        case "false": false
        case let text?: throw failure(name, "expected true or false, found \(Self.quote(text))")
        }
    }

    /// One word out of a list.
    func choice(_ name: String, _ words: [String]) throws(OuroError) -> String? {
        guard let text = try scalar(name) else { return nil }
        guard words.contains(text) else {
            throw failure(name, "expected \(words.joined(separator: " or ")), found \(Self.quote(text))")
        }
        return text
    }

    /// A list of numbers, or a single one.
    func integers(_ name: String, _ range: ClosedRange<Int>) throws(OuroError) -> [Int]? {
        guard let node = mapping.first(where: { $0.key.string == name })?.value else { return nil }
        guard let items = node.sequence else { return try integer(name, range).map { [$0] } }
        var result: [Int] = []
        for item in items {
            let digits = item.scalar?.string.replacingOccurrences(of: "_", with: "") ?? ""
            guard let value = Int(digits) ?? Double(digits).flatMap({ Int(exactly: $0) }), range.contains(value),
                result.count < 1000
            else {
                throw failure(
                    name, "expected a list of integers from \(range.lowerBound) to \(range.upperBound)")
            }
            result.append(value)
        }
        guard !result.isEmpty else { throw failure(name, "expected a list with at least one number") }
        return result
    }

    /// A list of distinct words out of a list.
    func choices(_ name: String, _ words: [String]) throws(OuroError) -> [String]? {
        guard let node = mapping.first(where: { $0.key.string == name })?.value else { return nil }
        let entries = node.sequence.map(Array.init) ?? [node]
        let found = entries.compactMap { $0.scalar?.string }
        guard !found.isEmpty, found.count == entries.count, found.allSatisfy(words.contains),
            Set(found).count == found.count
        else {
            throw failure(name, "expected a list of some of: \(words.joined(separator: ", "))")
        }
        return found
    }

    func section(_ name: String) throws(OuroError) -> RecipeFields? {
        guard let entry = mapping.first(where: { $0.key.string == name }) else { return nil }
        guard let inner = entry.value.mapping else { throw failure(name, "expected a mapping") }
        return RecipeFields(
            file: file, path: "\(path)\(name).", line: entry.key.mark?.line ?? line, mapping: inner)
    }

    /// The mappings in a list of 1 to 100.
    func sections(_ name: String) throws(OuroError) -> [RecipeFields] {
        guard let node = mapping.first(where: { $0.key.string == name })?.value else {
            throw failure(name, "the field is missing")
        }
        guard let items = node.sequence, !items.isEmpty, items.count <= 100 else {
            throw failure(name, "expected a list of 1 to 100 mappings")
        }
        var result: [RecipeFields] = []
        for (index, item) in items.enumerated() {
            guard let inner = item.mapping else { throw failure(name, "expected a mapping as element \(index + 1)") }
            result.append(
                RecipeFields(
                    file: file, path: "\(path)\(name)[\(index + 1)].", line: item.mark?.line ?? line, mapping: inner))
        }
        return result
    }

    /// The keys of this mapping, in their order.
    var names: [String] { mapping.compactMap { $0.key.string } }

    /// The value of a field that must exist.
    func required<Value>(_ name: String, _ value: Value?) throws(OuroError) -> Value {
        guard let value else { throw failure(name, "the field is missing") }
        return value
    }

    static func quote(_ text: String) -> String { String(text.prefix(40)).debugDescription }
}
