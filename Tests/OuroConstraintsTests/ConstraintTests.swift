import Foundation
import Testing

@testable import Ouro
@testable import OuroConstraints

/// Tests which tokens a constraint allows next.
@Suite struct ConstraintTests {
    /// Compares the allowed tokens of a compiled grammar with those found by advancing the grammar over each token's
    /// bytes.
    @Test func allowedTokensAreThoseOfEveryTokenByItself() throws {
        let trie = TokenTrie(try SmallModel.tokenizer(), size: SmallModel.vocabularySize)
        let grammar = try Grammar(schema: #"{"type":"object","properties":{"a":{"type":"string"},"b":{}}}"#)
        let compiled = CompiledGrammar(grammar, vocabulary: trie, endTokens: [])
        var state = grammar.start
        for byte in #"{"a":"x\\u00e9é", "b":[1.5,{"c":null}]}"#.utf8 {
            for _ in 0..<2 {
                let expected = (0..<SmallModel.vocabularySize).filter { id in
                    let bytes = trie.bytes(of: id)
                    return !bytes.isEmpty && !bytes.reduce(state) { grammar.advance($0, $1) }.isDead
                }
                #expect(compiled.allowed(in: state).map(Int.init).sorted() == expected)
            }
            state = grammar.advance(state, byte)
        }
        #expect(state.accepts)
    }

    @Test func onlyWhatLeadsToAnEndMayFollow() throws {
        let tokenizer = try SmallModel.tokenizer()
        let constraint = try SmallModel.compiler().compile(JSONSchema(parsing: #"{"enum":["ab","ac"]}"#))
            .makeConstraint()
        func allowed(_ output: String) -> [Int] {
            var mask = TokenMask(vocabularySize: SmallModel.vocabularySize, allowsAll: true)
            constraint.allowTokens(after: tokenizer.encode(output), in: &mask)
            return (0..<SmallModel.vocabularySize).filter { mask[$0] }
        }
        func ids(_ text: String) -> [Int] { text.utf8.flatMap { tokenizer.encode(String(UnicodeScalar($0))) }.sorted() }
        #expect(allowed("") == ids("\""))
        #expect(allowed("\"a") == ids("bc"))
        // A rejected guess does not change later results.
        #expect(allowed("\"ab") == ids("\""))
        #expect(allowed("\"ac\"") == [0])
        #expect(allowed("\"a") == ids("bc"))
    }

    @Test func schemasAreCompiledOnce() throws {
        let compiler = try SmallModel.compiler()
        func schema(_ number: Int) throws -> JSONSchema { try JSONSchema(parsing: "{\"const\":\(number)}") }
        let first = try compiler.compile(schema(0))
        #expect(try compiler.compile(schema(0)) === first)
        for number in 1..<8 { _ = try compiler.compile(schema(number)) }
        #expect(try compiler.compile(schema(0)) === first, "eight are kept")
        for number in 1..<9 { _ = try compiler.compile(schema(number)) }
        #expect(try compiler.compile(schema(0)) !== first, "the one that was used longest ago is dropped")
    }

    /// Swift compares these two strings as equal.
    @Test func schemasThatDifferInTheirBytesDiffer() throws {
        let compiler = try SmallModel.compiler()
        let composed = try compiler.compile(JSONSchema(parsing: "{\"const\":\"\u{E9}\"}"))
        let decomposed = try compiler.compile(JSONSchema(parsing: "{\"const\":\"e\u{301}\"}"))
        #expect(composed.grammar.accepts("\"\u{E9}\"") && !composed.grammar.accepts("\"e\u{301}\""))
        #expect(decomposed.grammar.accepts("\"e\u{301}\""))
    }

    @Test func anEngineWritesWhatASchemaAllows() async throws {
        let engine = try Engine(modelAt: SmallModel.url, options: EngineOptions(threads: 1))
        let schema = try JSONSchema(
            parsing:
                #"{"type":"object","properties":{"a":{"enum":[1,2]},"b":{"enum":["x","yy"]}},"required":["a","b"]}"#)
        let compiled = try ConstraintCompiler(for: engine).compile(schema)
        for seed in 0..<4 {
            var request = GenerationRequest(
                .text("x"), maxTokens: 60, sampling: SamplingParameters(temperature: 1.5, seed: UInt64(seed)))
            request.constraint = compiled.makeConstraint()
            var text = ""
            // Byte 0 is the end token of the fixture.
            for try await token in try engine.generate(request) where token.id != 0 { text += token.text }
            struct Answer: Decodable {
                let a: Int
                let b: String
            }
            let answer = try JSONDecoder().decode(Answer.self, from: Data(text.utf8))
            #expect([1, 2].contains(answer.a) && ["x", "yy"].contains(answer.b), "\(text)")
        }
    }
}
