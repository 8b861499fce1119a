import Foundation
import Testing

@testable import Ouro
@testable import OuroConstraints

/// Which tokens may follow.
@Suite struct ConstraintTests {
    /// A walk over the trie against every token's bytes, one by one.
    @Test func allowedTokensAreThoseOfEveryTokenByItself() throws {
        let trie = TokenTrie(try SmallModel.tokenizer(), size: SmallModel.vocabularySize)
        let grammar = try Grammar(schema: #"{"type":"object","properties":{"a":{"type":"string"},"b":{}}}"#)
        let compiled = CompiledGrammar(grammar, vocabulary: trie, endTokens: [])
        let tokenizer = try SmallModel.tokenizer()
        let text = #"{"a":"x\\u00e9é", "b":[1.5,{"c":null}]}"#
        var trail = CompiledGrammar.Trail()
        var table = StateTable(grammar.program)
        var state = try table.start()
        var output: [Int] = []
        for id in tokenizer.encode(text) {
            var expected: [Int] = []
            for id in 0..<SmallModel.vocabularySize where !trie.bytes(of: id).isEmpty {
                var next = state
                for byte in trie.bytes(of: id) { next = try table.next(next, byte) }
                if next != StateTable.dead { expected.append(id) }
            }
            let mask = try compiled.mask(after: output, &trail)
            #expect((0..<SmallModel.vocabularySize).filter { mask[$0] } == expected)
            output.append(id)
            for byte in trie.bytes(of: id) { state = try table.next(state, byte) }
            table.work = 0
        }
        #expect(table.accepts(state))
    }

    @Test func onlyWhatLeadsToAnEndMayFollow() throws {
        let tokenizer = try SmallModel.tokenizer()
        let constraint = try SmallModel.compiler().compile(JSONSchema(parsing: #"{"enum":["ab","ac"]}"#))
            .makeConstraint()
        func allowed(_ output: String) throws -> [Int] {
            var mask = TokenMask(vocabularySize: SmallModel.vocabularySize, allowsAll: true)
            try constraint.allowTokens(after: tokenizer.encode(output), in: &mask)
            return (0..<SmallModel.vocabularySize).filter { mask[$0] }
        }
        func ids(_ text: String) -> [Int] { text.utf8.flatMap { tokenizer.encode(String(UnicodeScalar($0))) }.sorted() }
        #expect(try allowed("") == ids("\""))
        #expect(try allowed("\"a") == ids("bc"))
        // A guess that was dropped leaves no trace.
        #expect(try allowed("\"ab") == ids("\""))
        #expect(try allowed("\"ac\"") == [0])
        #expect(try allowed("\"a") == ids("bc"))
    }

    @Test func schemasAreCompiledOnce() throws {
        let compiler = try SmallModel.compiler()
        func schema(_ number: Int) throws -> JSONSchema { try JSONSchema(parsing: "{\"const\":\(number)}") }
        let first = try compiler.compile(schema(0))
        #expect(try compiler.compile(schema(0)) === first)
        for number in 1..<40 { _ = try compiler.compile(schema(number)) }
        #expect(try compiler.compile(schema(0)) === first, "small ones are kept")
        #expect(try compiler.compile(regex: "a") === compiler.compile(regex: "a"))
        #expect(try compiler.compile(gbnf: #"root ::= "a""#) !== compiler.compile(regex: #"root ::= "a""#))
    }

    @Test func theCacheIsLimitedByItsBytes() throws {
        let compiler = try SmallModel.compiler()
        func compile(_ number: Int) throws -> CompiledGrammar {
            try compiler.compile(choices: ["\(number)" + String(repeating: "x", count: 3 << 20)])
        }
        let first = try compile(0)
        for number in 1..<8 {
            _ = try compile(number)
            #expect(compiler.cachedBytes <= ConstraintCompiler.byteLimit, "\(compiler.cachedBytes) bytes")
        }
        #expect(try compile(0) !== first, "the one that was used longest ago is dropped")
    }

    @Test func requestsShareTheirMasks() throws {
        let compiled = try SmallModel.compiler().compile(JSONSchema(parsing: #"{"enum":["abc","abd"]}"#))
        let output = try SmallModel.tokenizer().encode("\"ab")
        var counts: [Int] = []
        for _ in 0..<3 {
            let constraint = compiled.makeConstraint()
            for count in 0...output.count {
                var mask = TokenMask(vocabularySize: SmallModel.vocabularySize, allowsAll: true)
                try constraint.allowTokens(after: Array(output[..<count]), in: &mask)
            }
            counts.append(compiled.computedMasks)
        }
        #expect(counts == [counts[0], counts[0], counts[0]], "\(counts)")
    }

    @Test func anOutputOutsideTheGrammarIsAnError() throws {
        let constraint = try SmallModel.compiler().compile(choices: ["yes", "no"]).makeConstraint()
        var mask = TokenMask(vocabularySize: SmallModel.vocabularySize, allowsAll: true)
        let output = try SmallModel.tokenizer().encode("x")
        let error = #expect(throws: OuroError.self) { try constraint.allowTokens(after: output, in: &mask) }
        #expect(error?.message == "no text of the grammar begins like the output")
    }

    /// Swift takes these two strings for equal.
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
            // The fixture's end token is the byte 0.
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
