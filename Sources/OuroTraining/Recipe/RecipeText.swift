import Foundation
import Ouro
import Yams

/// Reads the YAML text of a recipe as `Fields`. Every error names the file, the path of the field, and the line.
enum RecipeText {
    /// The largest recipe, in bytes. A recipe has a few hundred lines; a larger file is something else.
    static let byteLimit = 1 << 18
    /// Limits on nested brackets and on the length of a line, because the YAML parser recurses.
    private static let depthLimit = 32
    private static let lineLimit = 1000
    /// Most values of a recipe. Aliases repeat values, so a short text can have very many.
    private static let valueLimit = 1 << 16

    /// - Throws: `OuroError` with code `invalidRecipe` if the text is not a YAML mapping.
    static func fields(parsing text: String, file: String) throws(OuroError) -> Fields {
        try checkDepth(text, file: file)
        let node: Node?
        do {
            node = try Yams.compose(yaml: text)
        } catch let error as YamlError {
            throw parsingFailure(error, file: file)
        } catch {
            throw OuroError(.invalidRecipe, file: file, "the file cannot be parsed: \(error)")
        }
        var conversion = Conversion(file: file)
        guard let node, case .object(let members) = try conversion.value(node, path: "", depth: 0) else {
            throw OuroError(.invalidRecipe, file: file, "expected a YAML mapping with 'model', 'data' and 'stages'")
        }
        return Fields(
            members,
            source: .init(
                code: .invalidRecipe, file: file, nullIsMissing: false, scalarsAreTexts: true,
                lines: conversion.lines))
    }

    /// Converts YAML nodes to JSON values. Scalars stay texts. Notes the lines.
    private struct Conversion {
        let file: String
        var lines: ExactDictionary<Int> = ["": 1]
        var count = 0

        init(file: String) { self.file = file }

        mutating func value(_ node: Node, path: String, depth: Int) throws(OuroError) -> JSONValue {
            count += 1
            guard depth <= RecipeText.depthLimit, count <= RecipeText.valueLimit else {
                throw failure(
                    node, path,
                    "expected at most \(RecipeText.valueLimit) values, nested at most \(RecipeText.depthLimit) levels deep"
                )
            }
            switch node {
            case .scalar(let scalar):
                let isNull = scalar.style == .plain && ["", "~", "null", "Null", "NULL"].contains(scalar.string)
                return isNull ? .null : .string(scalar.string)
            case .sequence(let sequence):
                var elements: [JSONValue] = []
                for (index, element) in sequence.enumerated() {
                    let place = "\(path)[\(index)]"
                    lines[place] = element.mark?.line ?? lines[path]
                    elements.append(try value(element, path: place, depth: depth + 1))
                }
                return .array(elements)
            case .mapping(let mapping):
                var members: JSONObject = [:]
                for (key, element) in mapping {
                    guard let name = key.string else { throw failure(key, path, "expected names as keys") }
                    let place = path.isEmpty ? name : "\(path).\(name)"
                    lines[place] = key.mark?.line ?? lines[path]
                    members[name] = try value(element, path: place, depth: depth + 1)
                }
                return .object(members)
            case .alias: throw failure(node, path, "expected a value, found an alias of something that is not complete")
            }
        }

        private func failure(_ node: Node, _ path: String, _ message: String) -> OuroError {
            let line = node.mark?.line ?? lines[path] ?? 1
            return OuroError(.invalidRecipe, file: "\(file):\(line)", field: path.isEmpty ? nil : path, message)
        }
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
}

/// Forms of values that recipes have and JSON files do not.
extension Fields {
    /// A list of 1 to 1000 integers, or a single one.
    func integerList(_ name: String, _ range: ClosedRange<Int>) throws(OuroError) -> [Int]? {
        if case .array? = self[name] { return try integers(name, range, count: 1...1000) }
        return try integer(name, range).map { [$0] }
    }

    /// A list of distinct words out of a list, or a single one.
    func choices(_ name: String, of words: [String]) throws(OuroError) -> [String]? {
        guard case .array? = self[name] else { return try choice(name, of: words).map { [$0] } }
        var found: [String] = []
        for (index, value) in (try array(name, count: 1...words.count, of: "words") ?? []).enumerated() {
            guard case .string(let word) = value, words.contains(word), !found.contains(word) else {
                throw mismatch(
                    "\(name)[\(index)]", value, "another one of: \(words.joined(separator: ", "))")
            }
            found.append(word)
        }
        return found
    }

    /// A text of 1 to 1000 bytes.
    func text(_ name: String) throws(OuroError) -> String? { try string(name, bytes: 1...1000) }
}
