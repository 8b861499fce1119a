import Foundation
import Testing

@testable import Ouro
@testable import OuroServer

/// Fields of other servers, and constraints under other names.
@Suite struct RefusedFieldTests {
    /// A value of a field that would change the answer.
    private static func harmful(_ field: RefusedFields.Field) -> String {
        field.harmless.contains { if case .string = $0 { true } else { false } } ? #""something else""# : "7"
    }

    @Test func everyFieldOfTheTableIsRefusedByName() async throws {
        let bodies: [(RefusedFields.Endpoints, String, String)] = [
            (.completions, "/v1/completions", #""prompt":"x","max_tokens":1"#),
            (.chat, "/v1/chat/completions", #""messages":[{"role":"user","content":"x"}],"max_tokens":1"#),
            (.responses, "/v1/responses", #""input":"x""#),
            (.messages, "/v1/messages", #""messages":[{"role":"user","content":"x"}],"max_tokens":1"#),
        ]
        try await RouterClient.scripted("x") { server in
            for field in RefusedFields.all {
                for (endpoint, path, body) in bodies where field.endpoints.contains(endpoint) {
                    let value = Self.harmful(field)
                    let answer = try await server.post(path, #"{\#(body),"\#(field.name)":\#(value)}"#)
                    #expect(
                        answer.status == 400 && answer.body.contains("\(field.name):"),
                        "\(path) \(field.name): \(answer.body)")
                    for harmless in field.harmless where harmless != .null {
                        let answer = try await server.post(
                            path, #"{\#(body),"\#(field.name)":\#(harmless.text)}"#)
                        #expect(answer.status == 200, "\(path) \(field.name) \(harmless.text): \(answer.body)")
                    }
                }
            }
        }
    }

    @Test func theArticlePrintsTheTable() throws {
        let article = URL(fileURLWithPath: #filePath).deletingLastPathComponent()
            .appendingPathComponent("../../Sources/Ouro/Ouro.docc/Serving.md").standardizedFileURL
        let text = try String(contentsOf: article, encoding: .utf8)
        #expect(text.contains(RefusedFields.markdown), "put this into Serving.md:\n\(RefusedFields.markdown)")
    }

    @Test func constraintsHaveOtherNames() async throws {
        let schema = #"{"type":"object","properties":{"a":{"type":"boolean"}},"required":["a"]}"#
        try await RouterClient.scripted("no wish") { server in
            for fields in [
                #""response_format":{"type":"json_object","schema":\#(schema)}"#,
                #""response_format":{"type":"json_schema","schema":\#(schema)}"#,
                #""guided_json":\#(schema)"#, #""json_schema":\#(schema)"#,
                #""structured_outputs":{"json":\#(schema)}"#,
                #""guided_json":"\#(schema.replacing("\"", with: "\\\""))""#,
            ] {
                let answer = try await server.chat(fields)
                let value = try JSONSerialization.jsonObject(with: Data(answer.content.utf8)) as? [String: Bool]
                #expect(value?.keys.map { $0 } == ["a"] && answer.finishReason == "stop", "\(fields): \(answer)")
            }
            for fields in [#""guided_choice":["yes","no"]"#, #""structured_outputs":{"choice":["yes","no"]}"#] {
                #expect(try await server.chat(fields).content == "no")
            }
            for fields in [
                #""guided_regex":"(yes|no)+!""#, #""regex":"(yes|no)+!""#,
                #""structured_outputs":{"regex":"(yes|no)+!"}"#,
                #""guided_grammar":"root ::= (\"yes\" | \"no\")+ \"!\"""#,
                #""structured_outputs":{"grammar":"root ::= (\"yes\" | \"no\")+ \"!\""}"#,
            ] {
                let answer = try await server.chat(fields + #","max_tokens":200"#)
                #expect(answer.content.hasPrefix("no") || answer.content.hasPrefix("yes"), "\(fields): \(answer)")
            }
            for (fields, parameter) in [
                (#""structured_outputs":{"regex":"a("}"#, "structured_outputs"),
                (#""guided_regex":"""#, "guided_regex"),
                (#""structured_outputs":{"structural_tag":"x"}"#, "structured_outputs.structural_tag"),
                (#""structured_outputs":{}"#, "structured_outputs"),
                (#""guided_grammar":"root ::= x""#, "guided_grammar"),
                (#""structured_outputs":{"json":{},"choice":["a"]}"#, "structured_outputs"),
                (#""grammar":"x""#, "grammar"),
                (#""guided_json":{"type":"nope"}"#, "guided_json"),
            ] {
                let answer = try await server.post(
                    "/v1/chat/completions", #"{"messages":[{"role":"user","content":"x"}],\#(fields)}"#)
                let error = try #require(try answer.json()["error"] as? [String: Any], "\(fields)")
                #expect(answer.status == 400 && error["param"] as? String == parameter, "\(fields): \(error)")
            }
        }
    }
}
