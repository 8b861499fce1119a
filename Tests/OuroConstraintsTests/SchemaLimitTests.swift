import Testing

@testable import Ouro
@testable import OuroConstraints

/// What a schema may cost.
@Suite struct SchemaLimitTests {
    private func message(_ schema: String) throws -> String? {
        let schema = try JSONSchema(parsing: schema)
        do throws(OuroError) {
            _ = try Grammar(schema)
            return nil
        } catch {
            return error.message
        }
    }

    private func text(_ count: Int) -> String { String(repeating: "k", count: count) }

    /// 256 names of 8,000 bytes are 2 MB; each is stored once.
    @Test func longNamesAreStoredOnce() throws {
        let members = (0..<256).map { #""\#($0)\#(text(8000))":{"type":"integer"}"# }.joined(separator: ",")
        let grammar = try Grammar(schema: #"{"properties":{\#(members)}}"#)
        #expect(grammar.program.byteCount < 3 << 20, "\(grammar.program.byteCount) bytes")
    }

    @Test func theProgramIsLinearInTheNumberOfProperties() throws {
        func size(_ count: Int) throws -> Int {
            let members = (0..<count).map { #""p\#($0)":{"type":"null"}"# }.joined(separator: ",")
            return try Grammar(schema: #"{"properties":{\#(members)}}"#).program.code.count
        }
        let (few, many) = (try size(100), try size(3000))
        #expect(many <= 30 * few, "\(few) and \(many) instructions")
    }

    @Test(arguments: [
        #"{"const":"X"}"#, #"{"enum":["X"]}"#, #"{"properties":{"X":{}}}"#, #"{"required":["X"]}"#,
    ]) func longTextsAreRefusedByName(schema: String) throws {
        let schema = schema.replacing("X", with: text(4_300_000))
        #expect(try message(schema)?.contains("too large") == true)
    }

    @Test func manyValuesAreRefusedByName() throws {
        let list = JSONValue.array(Array(repeating: .null, count: JSONSchema.valueLimit))
        let error = #expect(throws: OuroError.self) { try Grammar(JSONSchema(.object(["enum": list]))) }
        #expect(error?.message.contains("too large") == true)
    }

    /// Products of alternatives, of counts and of automata.
    @Test(arguments: [
        #"{"allOf":[{"anyOf":[A]},{"anyOf":[A]},{"anyOf":[A]},{"anyOf":[A]}]}"#,
        #"{"type":"string","pattern":"(a?){90000}"}"#, #"{"type":"string","pattern":"((a{900}){900}){900}"}"#,
        #"{"type":"string","pattern":"a.{20}$"}"#, #"{"type":"string","pattern":"^(a|b)*$","minLength":900000}"#,
        #"{"type":"string","allOf":[{"pattern":"a.{9}$"},{"pattern":"^.{9}b"},{"pattern":"c.{9}d"},{"pattern":"e.{11}"}]}"#,
    ]) func productsAreRefusedByName(schema: String) throws {
        let options = (0..<40).map { #"{"required":["a\#($0)"]}"# }.joined(separator: ",")
        let found = try message(schema.replacing("A", with: options))
        #expect(found?.contains("too large") == true, "\(found ?? "no error")")
    }

    /// Equal alternatives cost nothing: the states and the work are those of one.
    @Test func equalAlternativesAreMerged() throws {
        func work(_ schema: String) throws -> (program: Int, work: Int) {
            let grammar = try Grammar(schema: schema)
            var table = StateTable(grammar.program)
            var state = try table.start()
            for byte in #"[[["a",["b"#.utf8 {
                for other in UInt8(0)...255 { _ = try table.next(state, other) }
                state = try table.next(state, byte)
            }
            return (grammar.program.code.count, table.work)
        }
        let list = ##"{"type":"array","items":{"$ref":"#/$defs/a"}}"##
        func schema(_ options: String) -> String {
            ##"{"$defs":{"a":{"anyOf":[\##(options)]}},"$ref":"#/$defs/a"}"##
        }
        let one = try work(schema(#"\#(list),{"type":"string"}"#))
        let two = try work(schema(#"\#(list),\#(list),{"type":"string"},{"type":"string","title":"t"}"#))
        #expect(one == two, "\(one) and \(two)")
        // Alternatives that are not equal, but read the same texts, cost only a little more.
        let alike = try work(
            schema(
                ##"\##(list),{"type":"array","items":{"$ref":"#/$defs/a"},"maxItems":1000},{"type":"string"},{"minLength":0}"##))
        #expect(alike.work < 4 * one.work, "\(alike) and \(one)")
    }

    /// A grammar with more readings than the budget allows ends with an error, not with wrong masks.
    @Test func ambiguityBeyondTheBudgetIsAnErrorByName() throws {
        let grammar = try Grammar(gbnf: #"root ::= (("a"{0,900}){0,900}){0,900} "b""#)
        var table = StateTable(grammar.program)
        let error = #expect(throws: OuroError.self) {
            var state = try table.start()
            for _ in 0..<500 { state = try table.next(state, UInt8(ascii: "a")) }
        }
        #expect(error?.message.hasPrefix("the text can be read in too many ways") == true)
    }

    @Test(arguments: [
        ##"{"$defs":{"a":{"$ref":"#/$defs/a"}},"$ref":"#/$defs/a"}"##,
        ##"{"$defs":{"a":{"$ref":"#/$defs/b"},"b":{"$ref":"#/$defs/a"}},"$ref":"#/$defs/a"}"##,
        ##"{"$defs":{"n":{"properties":{"n":{"$ref":"#/$defs/n"}},"required":["n"]}},"$ref":"#/$defs/n"}"##,
        ##"{"type":"array","items":{"$ref":"#"},"minItems":1}"##, ##"{"allOf":[{"$ref":"#"}]}"##,
        #"{"type":"object","properties":{"a":{"type":"integer","minimum":5,"maximum":4}},"required":["a"]}"#,
        #"{"type":"integer","minimum":1,"maximum":4,"multipleOf":5}"#, "false", #"{"type":"string","pattern":"$."}"#,
        #"{"type":"string","pattern":"^.{5}$","maxLength":4}"#, #"{"allOf":[{"type":"string"},{"type":"null"}]}"#,
        #"{"properties":{"a":{}},"required":["b"],"additionalProperties":false}"#,
        #"{"type":"number","exclusiveMinimum":1,"exclusiveMaximum":1}"#, #"{"enum":["a"],"minLength":2}"#,
        #"{"properties":{"a":{},"b":{}},"minProperties":3}"#, #"{"type":"string","minLength":3,"maxLength":2}"#,
        #"{"prefixItems":[false],"minItems":1}"#, #"{"items":false,"minItems":1,"type":"array"}"#,
    ]) func schemasThatNoTextFulfilsAreRefused(schema: String) throws {
        let error = try #require(throws: OuroError.self) { try Grammar(schema: schema) }
        #expect(error.code == .invalidRequest && error.message.contains("no text fulfils the schema"), "\(error)")
    }

    /// An alternative that cannot be fulfilled is left out.
    @Test func deadEndsAreNeverEntered() throws {
        let grammar = try Grammar(
            schema: ##"{"anyOf":[{"type":"array","items":{"$ref":"#/$defs/n"},"minItems":1},{"const":"x"}],"$defs":{"n":"##
                + ##"{"type":"array","items":{"$ref":"#/$defs/n"},"minItems":1}}}"##)
        var table = StateTable(grammar.program)
        let start = try table.start()
        #expect(try table.next(start, UInt8(ascii: "[")) == StateTable.dead)
        #expect(grammar.accepts(#""x""#))
        let optional = try Grammar(schema: #"{"properties":{"a":false,"b":{"type":"null"}}}"#)
        #expect(optional.accepts("{}") && optional.accepts(#"{"b":null}"#) && !optional.accepts(#"{"a":1}"#))
    }
}
