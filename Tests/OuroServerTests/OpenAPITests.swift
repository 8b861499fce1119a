import Foundation
import Testing

@testable import Ouro
@testable import OuroServer

/// The description of the API is what the server does.
@Suite struct OpenAPITests {
    private static let bodies: [(path: String, body: String, fields: [Field])] = [
        ("/v1/completions", #""prompt":"x""#, Field.completions),
        ("/v1/chat/completions", #""messages":[{"role":"user","content":"x"}]"#, Field.chat),
        ("/v1/responses", #""input":"x""#, Field.responses),
        ("/v1/messages", #""messages":[{"role":"user","content":"x"}]"#, Field.messages),
        ("/v1/messages/count_tokens", #""messages":[{"role":"user","content":"x"}]"#, Field.countTokens),
        ("/tokenize", #""messages":[{"role":"user","content":"x"}]"#, Field.tokenize),
        ("/detokenize", #""tokens":[97]"#, Field.detokenize),
    ]

    /// Values that a field must not have.
    private static func wrong(_ field: Field) -> [String] {
        switch field.kind {
        case .text: ["5"]
        case .flag: ["5", #""true""#]
        case .integer(let range):
            [#""5""#, "0.5"] + (range.upperBound < .max ? ["\(range.upperBound + 1)", "\(range.lowerBound - 1)"] : [])
        case .number(let range): [#""5""#, "\(range.upperBound + 1)", "\(range.lowerBound - 1)"]
        case .word: ["5", #""no such word""#]
        case .texts: ["5", "[5]"]
        case .integers: ["5", #"["a"]"#]
        case .object: ["5"]
        case .objects: ["{}", "[5]"]
        case .schema: ["5"]
        }
    }

    @Test func everyFieldOfTheTablesIsRead() async throws {
        try await RouterClient.scripted("x") { server in
            for (path, body, fields) in Self.bodies {
                for field in fields {
                    #expect(fields.filter { $0.name == field.name }.count == 1, "\(path) has \(field.name) once")
                    for value in Self.wrong(field) {
                        let rest = body.contains("\"\(field.name)\"") || field.name == "prompt" ? "" : body + ","
                        let answer = try await server.post(path, "{\(rest)\"\(field.name)\":\(value)}")
                        #expect(
                            answer.status == 400 && answer.body.contains(field.name),
                            "\(path) \(field.name) \(value): \(answer.status) \(answer.body)")
                    }
                }
            }
        }
    }

    @Test func theDescriptionListsWhatTheServerHas() async throws {
        try await RouterClient.scripted("x", { $0.apiKey = "k" }) { server in
            let answer = try await server.get("/openapi.json", headers: ["Authorization": "Bearer k"])
            let description = try answer.json()
            #expect(description["openapi"] as? String == "3.1.0")
            let paths = try #require(description["paths"] as? [String: [String: [String: Any]]])
            let missing = try await server.get("/nowhere", headers: ["Authorization": "Bearer k"])
            for (path, methods) in paths {
                #expect(missing.body.contains(path), "the 404 names \(path)")
                for (method, operation) in methods {
                    #expect(operation["responses"] != nil && operation["operationId"] != nil)
                    let isOpen = operation["security"] == nil
                    let body = method == "post" ? "{}" : nil
                    let without = try await server.send(method.uppercased(), path, body.map { Data($0.utf8) })
                    #expect((without.status == 401) != isOpen, "\(path): \(without.status)")
                    let with = try await server.send(
                        method.uppercased(), path, body.map { Data($0.utf8) }, headers: ["Authorization": "Bearer k"])
                    #expect(with.status == (method == "post" ? 400 : 200), "\(path): \(with.status)")
                }
            }
            let page = try await server.get("/docs", headers: ["Authorization": "Bearer k"])
            #expect(page.status == 200 && !page.body.contains("src=") && !page.body.contains("http"))
            for field in Field.chat { #expect(page.body.contains("<code>\(field.name)</code>")) }
        }
    }
}
