import Foundation
import NIOCore
import Testing

@testable import Ouro
@testable import OuroServer

/// Bodies that stopped earlier servers. Each one gets an answer, and the server goes on.
@Suite(.timeLimit(.minutes(5))) struct HostileRequestTests {
    private static func list(_ element: String, _ count: Int) -> String {
        Array(repeating: element, count: count).joined(separator: ",")
    }

    /// A body, and what its error says; nil for a body that is accepted.
    static let bodies: [(name: String, body: String, error: String?)] = [
        (
            "objects in 60 levels",
            #"{"prompt":"a","max_tokens":1,"x":"# + String(repeating: "[", count: 60) + list("{}", 40_000)
                + String(repeating: "]", count: 60) + "}", nil
        ),
        (
            "2.6 million values", #"{"prompt":"a","max_tokens":1,"x":["# + list("1", 2_600_000) + "]}",
            "expected at most 1048576 values in the whole text, found more"
        ),
        (
            "2 million empty objects", #"{"prompt":"a","x":["# + list("{}", 2_000_000) + "]}",
            "expected at most 1048576 values in the whole text, found more"
        ),
        (
            "65 levels", #"{"x":"# + String(repeating: "[", count: 64) + String(repeating: "]", count: 64) + "}",
            "expected at most 64 objects and arrays inside each other, found more"
        ),
        (
            "a million levels", String(repeating: #"{"a":"#, count: 1_000_000),
            "expected at most 64 objects and arrays inside each other, found more"
        ),
        (
            "a string of 7 MB",
            #"{"prompt":"a","max_tokens":1,"x":""# + String(repeating: "x", count: 7 << 20) + #""}"#,
            nil
        ),
        (
            "a number of a million digits",
            #"{"prompt":"a","max_tokens":1,"seed":"# + String(repeating: "7", count: 1_000_000) + "}",
            "seed: expected an integer, found 7777777777777777777777777777777777777777..."
        ),
        (
            "100,000 keys",
            #"{"prompt":"a","max_tokens":1,"x":{"# + (0..<100_000).map { #""k\#($0)":0"# }.joined(separator: ",")
                + "}}",
            nil
        ),
        (
            "a key twice among 100,000",
            "{" + (0..<100_000).map { #""k\#($0)":0"# }.joined(separator: ",") + #","k5":1}"#,
            "the key appears twice; remove one of them"
        ),
        ("1e999", #"{"prompt":"a","temperature":1e999}"#, "within the range of doubles (about 1.8e308), found 1e999"),
        ("a lone surrogate", #"{"prompt":"\ud800"}"#, #"found the lone surrogate \ud800"#),
        (
            "a leading zero", #"{"prompt":"a","n":01}"#,
            "line 1, column 19: expected a number without leading zeros, found 01"
        ),
        ("a raw line break", "{\"prompt\":\"a\nb\"}", "found the character U+000A; write it as an escape such as \\n"),
        ("NaN", #"{"prompt":"a","temperature":NaN}"#, "line 1, column 29: expected a value, found 'N'"),
        ("a trailing comma", #"{"prompt":"a",}"#, "expected '\"' of a key after ',', found '}'"),
        ("a list", "[1]", "expected a JSON object, found an array"), ("nothing", "", "found the end of the text"),
    ]

    @Test func everyBodyGetsItsAnswer() async throws {
        try await RouterClient.with { server in
            for (name, body, error) in Self.bodies {
                let answer = try await server.post("/v1/completions", body)
                guard let error else {
                    #expect(answer.status == 200, "\(name): \(answer.body.prefix(300))")
                    continue
                }
                #expect(answer.status == 400, "\(name): \(answer.body.prefix(300))")
                let fault = try #require(try answer.json()["error"] as? [String: Any])
                let message = try #require(fault["message"] as? String)
                #expect(message.contains(error), "\(name): \(message)")
                #expect(message.utf8.count < 400, "\(name): \(message.utf8.count) bytes")
            }
            #expect(try await server.get("/health").status == 200)
        }
    }

    @Test func bytesThatAreNotTextAreNamed() async throws {
        var body = ByteBuffer(string: "{\"prompt\":\"a")
        body.writeBytes([0xFF, 0x22, 0x7D])
        let error = #expect(throws: APIError.self) { try RequestFields(parsing: RequestBytes(buffer: body)) }
        #expect(error?.message.contains("line 1, column 13: expected UTF-8, found the byte 0xFF") == true)
        #expect(error?.parameter == "prompt" && error?.status == .badRequest)
    }

    /// A range has one form, whatever layer finds the fault.
    @Test func aValueOutOfRangeMeetsOneRange() async throws {
        try await RouterClient.with { server in
            for value in ["1000", "1001", "2.5", "-1"] {
                let answer = try await server.post("/v1/completions", #"{"prompt":"a","temperature":\#(value)}"#)
                let fault = try #require(try answer.json()["error"] as? [String: Any])
                let expected = "temperature: expected a number from 0 to 2, found \(value)"
                let message = try #require(fault["message"] as? String)
                #expect(message.hasPrefix(expected), "\(message)")
                #expect(fault["param"] as? String == "temperature")
            }
        }
    }
}
