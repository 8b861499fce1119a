import Foundation
import Testing

@testable import Ouro
@testable import OuroServer

/// Which texts a schema allows.
@Suite struct GrammarTests {
    private static func grammar(_ schema: String) throws -> Grammar {
        try JSONGrammar.schema(JSONSchema(value: JSONDecoder().decode(JSONValue.self, from: Data(schema.utf8))))
    }

    private static func accepts(_ grammar: Grammar, _ text: String) -> Bool {
        text.utf8.reduce(grammar.start) { grammar.advance($0, $1) }.accepts
    }

    @Test(arguments: [
        (#"{"type":"integer"}"#, ["0", "-12", "907"], ["01", "1.5", "-", "", "1 "]),
        (#"{"type":"number"}"#, ["0", "1.25", "-3e+10"], [".5", "1.", "1e", "NaN"]),
        (#"{"type":"string"}"#, [#""""#, #""aé😀""#, #""\n\u00e9""#], [#"""#, #""a"b""#, #""\x""#, "\"\u{1}\""]),
        (#"{"type":["null","boolean"]}"#, ["null", "true", "false"], ["nul", "True"]),
        (#"{"enum":["a",1,null]}"#, [#""a""#, "1", "null"], ["a", "2"]),
        (#"{"type":"string","enum":["a",1,null]}"#, [#""a""#], ["1", "null"]),
        (#"{"const":{"b":1,"a":[true]}}"#, [#"{"a":[true],"b":1}"#], [#"{}"#]),
        (
            #"{"type":"array","items":{"type":"integer"},"minItems":1,"maxItems":3}"#, ["[1]", "[1,2]", "[1, 2,3]"],
            ["[]", "[1,2,3,4]", "[1,]", "[1,  2]"]
        ),
        (
            #"{"type":"object","properties":{"a":{"type":"integer"},"b":{"type":"integer"},"c":{}},"required":["b"]}"#,
            [#"{"b":1}"#, #"{"a":1,"b":2}"#, #"{"b":1, "c":[{}]}"#, #"{"a":1,"b":2,"c":null}"#],
            ["{}", #"{"a":1}"#, #"{"b":1,"a":2}"#, #"{"b":1,}"#, #"{,"b":1}"#, #"{"b":1,"d":1}"#]
        ),
        (
            #"{"type":"object","properties":{"a":{"type":"null"},"b":{"type":"null"}}}"#,
            ["{}", #"{"a":null}"#, #"{"b":null}"#, #"{"a":null,"b":null}"#], [#"{"a":null,"a":null}"#]
        ),
        (
            ##"{"anyOf":[{"type":"integer"},{"type":"array","items":{"$ref":"#/$defs/n"}}],"$defs":{"n":{"type":"null"}}}"##,
            ["4", "[null,null]"], ["null", "[4]"]
        ),
        (
            ##"{"$ref":"#/$defs/tree","$defs":{"tree":{"type":"array","items":{"$ref":"#/$defs/tree"}}}}"##,
            ["[]", "[[],[[]]]"], ["[1]", "[[]"]
        ),
        (#"{}"#, ["1", #"{"a":[1,{"b":null}]}"#], ["{a:1}", ""]),
    ]) func textsOfASchema(schema: String, good: [String], bad: [String]) throws {
        let grammar = try Self.grammar(schema)
        for text in good { #expect(Self.accepts(grammar, text), "\(text) against \(schema)") }
        for text in bad { #expect(!Self.accepts(grammar, text), "\(text) against \(schema)") }
    }

    @Test(arguments: [
        #"{"type":"string","maxLength":3}"#, #"{"type":"integer","minimum":1}"#, #"{"type":"any"}"#,
        #"{"allOf":[{}]}"#, #"{"type":"object","additionalProperties":{"type":"null"}}"#, #"{"$ref":"other.json"}"#,
        ##"{"$ref":"#/$defs/none"}"##, #"{"type":"array","minItems":5,"maxItems":2}"#, #"{"enum":[]}"#, "5",
        #"{"type":"null","const":1}"#,
        #"{"type":"object","properties":{"a":{}},"required":["b"]}"#, #"{"type":"array","maxItems":100000}"#,
    ]) func whatIsNotSupportedIsRefused(schema: String) {
        #expect(throws: APIError.self, "\(schema)") { try Self.grammar(schema) }
    }

    @Test func membersComeInTheOrderOfTheSchema() throws {
        let inner =
            #"{"type":"object","properties":{"z":{"type":"null"},"a.b":{"type":"null"}},"required":["z","a.b"]}"#
        let schema =
            ##"{"properties":{"y":{"anyOf":[{"type":"null"},\##(inner)]},"x":{"$ref":"#/$defs/one"}},"##
            + ##""required":["x","y"],"$defs":{"one":\##(inner)}}"##
        let body = #"{"stop":["}",","],"response_format":{"type":"json_schema","json_schema":{"schema":\#(schema)}}}"#
        guard case .jsonSchema(let read) = try ResponseFormat(RequestFields(parsing: Data(body.utf8))) else {
            Issue.record("no schema was found")
            return
        }
        let grammar = try JSONGrammar.schema(read)
        let one = #"{"z":null,"a.b":null}"#
        #expect(Self.accepts(grammar, #"{"y":null,"x":\#(one)}"#))
        #expect(Self.accepts(grammar, #"{"y":\#(one),"x":\#(one)}"#))
        #expect(!Self.accepts(grammar, #"{"x":\#(one),"y":null}"#))
        #expect(!Self.accepts(grammar, #"{"y":{"a.b":null,"z":null},"x":\#(one)}"#))
    }

    @Test func schemasInsideEachOtherAreBounded() {
        let schema =
            String(repeating: #"{"type":"array","items":"#, count: 60) + "{}" + String(repeating: "}", count: 60)
        #expect(throws: APIError.self) { try Self.grammar(schema) }
        // Nesting of texts ends too, without a crash.
        let deep = String(repeating: "[", count: 10_000)
        if let grammar = try? JSONGrammar.schema(JSONSchema(value: .object([:]))) {
            #expect(!Self.accepts(grammar, deep))
        }
    }

    /// Masks by numbered states against masks by walking every token's bytes.
    @Test func masksAreThoseOfEveryTokenByItself() throws {
        let tokenizer = try Tokenizer(contentsOf: TestServer.model.appendingPathComponent("tokenizer.json"))
        let trie = TokenTrie(tokenizer, size: 256)
        let grammar = try Self.grammar(#"{"type":"object","properties":{"a":{"type":"string"},"b":{}}}"#)
        let automaton = GrammarAutomaton(grammar, vocabulary: trie)
        var state = grammar.start
        for byte in #"{"a":"x\\u00e9é", "b":[1.5,{"c":null}]}"#.utf8 {
            for _ in 0..<2 {
                let expected = (0..<256).filter { id in
                    let bytes = trie.bytes(of: id)
                    return !bytes.isEmpty && !bytes.reduce(state) { grammar.advance($0, $1) }.isDead
                }
                #expect(automaton.allowed(in: state).map(Int.init).sorted() == expected)
            }
            state = grammar.advance(state, byte)
        }
        #expect(state.accepts)
    }

    @Test func masksLeaveWhatLeadsToAnEnd() async throws {
        let tokenizer = try Tokenizer(contentsOf: TestServer.model.appendingPathComponent("tokenizer.json"))
        let grammar = try Self.grammar(#"{"enum":["ab","ac"]}"#)
        let constraint = GrammarConstraint(
            GrammarAutomaton(grammar, vocabulary: TokenTrie(tokenizer, size: 256)), endTokens: [0])
        func allowed(_ output: String) -> [Int] {
            var mask = TokenMask(vocabularySize: 256, allowsAll: true)
            constraint.allowTokens(after: tokenizer.encode(output), in: &mask)
            return (0..<256).filter { mask[$0] }
        }
        func ids(_ text: String) -> [Int] { text.utf8.flatMap { tokenizer.encode(String(UnicodeScalar($0))) }.sorted() }
        #expect(allowed("") == ids("\""))
        #expect(allowed("\"a") == ids("bc"))
        // A guess that was dropped leaves no trace.
        #expect(allowed("\"ab") == ids("\""))
        #expect(allowed("\"ac\"") == [0])
        #expect(allowed("\"a") == ids("bc"))
    }
}
