import Foundation
import Testing

@testable import Ouro
@testable import OuroConstraints

/// The cases of `Scripts/schema_cases.json`, in the form of the JSON-Schema-Test-Suite. `Scripts/check_schemas.py` checks
/// the same cases, and texts that are sampled here, with Python's `jsonschema`.
@Suite struct SchemaCaseTests {
    struct Case {
        let description: String
        let schema: SchemaValue
        let tests: [(data: SchemaValue, isValid: Bool)]

        init(_ value: SchemaValue) throws {
            let description = value["description"]?.text ?? ""
            self.description = description
            schema = try #require(value["schema"])
            tests = (value["tests"]?.elements ?? []).compactMap { test in
                guard let data = test["data"], let isValid = test["valid"] else { return nil }
                return (data, isValid.text == "true")
            }
        }

        func grammar() throws -> Grammar {
            var compiler = SchemaCompiler(SchemaReader(schema))
            return try compiler.grammar()
        }

        static func read(_ url: URL) throws -> [Case] {
            let text = String(decoding: try Data(contentsOf: url), as: UTF8.self)
            let file = try JSONSchema(parsing: #"{"cases":\#(text)}"#)
            var count = 0
            let value = try SchemaValue(file.value, &count)
            return try (value["cases"]?.elements ?? []).map { try Case($0) }
        }

        static let file = URL(fileURLWithPath: #filePath).deletingLastPathComponent()
            .appendingPathComponent("../../Scripts/schema_cases.json").standardizedFileURL
    }

    @Test func keywordsAllowAndForbidTexts() throws {
        let cases = try Case.read(Case.file)
        #expect(cases.count > 80)
        for one in cases {
            #expect(throws: Never.self, "\(one.description)") {
                let grammar = try one.grammar()
                for (data, isValid) in one.tests {
                    let accepts = grammar.accepts(data.text)
                    #expect(accepts == isValid, "\(one.description): \(data.text)")
                }
            }
        }
    }

    /// Without Python: a sampled text is accepted, is JSON, and its strings have no lone surrogates.
    @Test func sampledTextsAreJSON() throws {
        var random = TestRandom(seed: 7)
        for one in try Case.read(Case.file) {
            let grammar = try one.grammar()
            for _ in 0..<4 {
                guard let text = try grammar.sample(&random) else { continue }
                #expect(grammar.accepts(text))
                let object = try? JSONSerialization.jsonObject(with: Data(text.utf8), options: .fragmentsAllowed)
                #expect(object != nil, "\(one.description): \(text)")
            }
        }
    }

    /// Writes sampled texts for `Scripts/check_schemas.py`.
    @Test(.enabled(if: ProcessInfo.processInfo.environment["OURO_SCHEMA_SAMPLES"] != nil))
    func writesSamples() throws {
        let environment = ProcessInfo.processInfo.environment
        let target = try #require(environment["OURO_SCHEMA_SAMPLES"])
        let cases = try Case.read(environment["OURO_SCHEMA_CASES"].map { URL(fileURLWithPath: $0) } ?? Case.file)
        let wanted = Int(environment["OURO_SCHEMA_COUNT"] ?? "") ?? 20
        var random = TestRandom(seed: 1)
        var lines: [String] = []
        for one in cases {
            var texts: [String] = []
            var failure: String?
            do {
                let grammar = try one.grammar()
                for _ in 0..<8 * wanted where texts.count < wanted {
                    if let text = try grammar.sample(&random) { texts.append(text) }
                }
            } catch {
                failure = "\(error)"
            }
            let samples = JSONOutput.array(texts.map { .string($0) })
            let output = JSONOutput.object(["samples": samples, "error": failure.map { .string($0) } ?? .null])
            lines.append(output.text)
        }
        try Data(lines.joined(separator: "\n").utf8).write(to: URL(fileURLWithPath: target))
        #expect(lines.count == cases.count)
    }
}

extension SchemaValue {
    subscript(name: String) -> SchemaValue? { if case .object(let object) = self { object[name] } else { nil } }

    var elements: [SchemaValue] { if case .array(let values) = self { values } else { [] } }
}
