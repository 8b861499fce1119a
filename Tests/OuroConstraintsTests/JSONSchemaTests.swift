import Foundation
import Testing

@testable import Ouro
@testable import OuroConstraints

/// Which texts a schema allows.
@Suite struct JSONSchemaTests {
    @Test(arguments: [
        (#"{"type":"integer"}"#, ["0", "-12", "907"], ["01", "1.5", "-", "", "1 "]),
        (#"{"type":"number"}"#, ["0", "1.25", "-3e+10"], [".5", "1.", "1e", "NaN"]),
        (#"{"type":"string"}"#, [#""""#, #""aé😀""#, #""\n\u00e9""#], [#"""#, #""a"b""#, #""\x""#, "\"\u{1}\""]),
        (#"{"type":["null","boolean"]}"#, ["null", "true", "false"], ["nul", "True"]),
        (#"{"enum":["a",1,null]}"#, [#""a""#, "1", "null"], ["a", "2"]),
        (#"{"type":"string","enum":["a",1,null]}"#, [#""a""#], ["1", "null"]),
        (#"{"const":{"b":1,"a":[true]}}"#, [#"{"b":1,"a":[true]}"#], [#"{}"#, #"{"a":[true],"b":1}"#]),
        (
            #"{"type":"array","items":{"type":"integer"},"minItems":1,"maxItems":3}"#, ["[1]", "[1,2]", "[1, 2,3]"],
            ["[]", "[1,2,3,4]", "[1,]", "[1,  2]"]
        ),
        (#"{"type":"array"}"#, ["[]", "[1,[2],{}]"], ["[,]", "[1"]),
        (
            #"{"type":"object","properties":{"a":{"type":"integer"},"b":{"type":"integer"},"c":{}},"required":["b"]}"#,
            [#"{"b":1}"#, #"{"a":1,"b":2}"#, #"{"b":1, "c":[{}]}"#, #"{"a":1,"b":2,"c":null}"#],
            ["{}", #"{"a":1}"#, #"{"b":1,"a":2}"#, #"{"b":1,}"#, #"{,"b":1}"#, #"{"b":1,"d":1}"#]
        ),
        (
            #"{"type":"object","properties":{"a":{"type":"null"},"b":{"type":"null"}}}"#,
            ["{}", #"{"a":null}"#, #"{"b":null}"#, #"{"a":null,"b":null}"#],
            [#"{"a":null,"a":null}"#, #"{"a":null,}"#, #"{"b":null,"a":null}"#]
        ),
        (#"{"type":"object","properties":{}}"#, ["{}"], [#"{"a":1}"#]),
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
        let grammar = try Grammar(schema: schema)
        for text in good { #expect(grammar.accepts(text), "\(text) against \(schema)") }
        for text in bad { #expect(!grammar.accepts(text), "\(text) against \(schema)") }
    }

    @Test(arguments: [
        (#"{"not":{}}"#, "schema.not"), (#"{"if":{},"then":{}}"#, "schema.if"),
        (#"{"patternProperties":{"a":{}}}"#, "schema.patternProperties"), (#"{"contains":{}}"#, "schema.contains"),
        (#"{"unevaluatedProperties":false}"#, "schema.unevaluatedProperties"), (#"{"made up":1}"#, #"schema["made up"]"#),
        (#"{"items":{"type":"string"},"uniqueItems":true}"#, "schema.uniqueItems"),
        (#"{"properties":{"a":{"items":{"pattern":"(?<=x)y"}}}}"#, "schema.properties.a.items.pattern"),
        (#"{"properties":{"a.b":{"pattern":"(a)\\1"}}}"#, #"schema.properties["a.b"].pattern"#),
        (#"{"format":"idn-email"}"#, "schema.format"), (#"{"type":"integer","multipleOf":100003}"#, "schema"),
        (#"{"oneOf":[{"type":"integer"},{"type":"number"}]}"#, "schema.oneOf"),
        (#"{"type":"object","additionalProperties":{},"minProperties":2}"#, "schema.minProperties"),
        (#"{"type":"number","minimum":1e20}"#, "schema.minimum"),
    ]) func keywordsThatAreNotSupportedAreRefused(schema: String, field: String) throws {
        let error = try #require(throws: OuroError.self) { try Grammar(schema: schema) }
        #expect(error.code == .unsupported && error.field == field, "\(error)")
    }

    @Test(arguments: [
        (#"{"type":"any"}"#, "schema.type"), (#"{"$ref":"other.json"}"#, "schema.$ref"),
        (##"{"$ref":"#/$defs/none"}"##, "schema.$ref"),
        (#"{"type":"array","minItems":5,"maxItems":2}"#, "schema.maxItems"), (#"{"enum":[]}"#, "schema.enum"),
        ("5", "schema"), (#"{"type":"null","const":1}"#, "schema.const"),
        (#"{"type":"array","maxItems":10000000}"#, "schema.maxItems"), (#"{"pattern":"(a"}"#, "schema.pattern"),
        (#"{"minLength":-1}"#, "schema.minLength"), (#"{"multipleOf":0}"#, "schema.multipleOf"),
        (#"{"required":"a"}"#, "schema.required"), (#"{"allOf":[]}"#, "schema.allOf"), (#"{"minimum":"1"}"#, "schema.minimum"),
        (##"{"$ref":"#nowhere"}"##, "schema.$ref"), (##"{"$ref":"#/enum/7","enum":[1]}"##, "schema.$ref"),
    ]) func faultsNameTheirPlace(schema: String, field: String) throws {
        let error = try #require(throws: OuroError.self) { try Grammar(schema: schema) }
        #expect(error.code == .invalidRequest && error.field == field, "\(error)")
    }

    @Test(arguments: ["", "{", #"{"a":1,"a":2}"#, String(repeating: "[", count: 100)])
    func textsThatAreNoSchemaAreRefused(text: String) throws {
        let error = try #require(throws: OuroError.self) { try JSONSchema(parsing: text) }
        #expect(error.code == .invalidRequest, "\(error)")
    }

    @Test func membersComeInTheOrderOfTheText() throws {
        let inner =
            #"{"type":"object","properties":{"z":{"type":"null"},"a.b":{"type":"null"}},"required":["z","a.b"]}"#
        let grammar = try Grammar(
            schema: ##"{"properties":{"y":{"anyOf":[{"type":"null"},\##(inner)]},"x":{"$ref":"#/$defs/one"}},"##
                + ##""required":["x","y"],"$defs":{"one":\##(inner)}}"##)
        let one = #"{"z":null,"a.b":null}"#
        #expect(grammar.accepts(#"{"y":null,"x":\#(one)}"#))
        #expect(grammar.accepts(#"{"y":\#(one),"x":\#(one)}"#))
        #expect(!grammar.accepts(#"{"x":\#(one),"y":null}"#))
        #expect(!grammar.accepts(#"{"y":{"a.b":null,"z":null},"x":\#(one)}"#))
    }

    @Test func membersOfAValueComeInTheirOrder() throws {
        let null = JSONValue.object(["type": .string("null")])
        let grammar = try Grammar(JSONSchema(.object(["properties": .object(["b": null, "a": null])])))
        #expect(grammar.accepts(#"{"b":null,"a":null}"#) && !grammar.accepts(#"{"a":null,"b":null}"#))
    }

    @Test func schemasInsideEachOtherAreRead() throws {
        let schema =
            String(repeating: #"{"type":"array","items":"#, count: 60) + "{}" + String(repeating: "}", count: 60)
        let grammar = try Grammar(schema: schema)
        #expect(grammar.accepts(String(repeating: "[", count: 60) + "1" + String(repeating: "]", count: 60)))
        // A chain of references is not nested.
        let chain = (0..<2000).map { ##""a\##($0)":{"$ref":"#/$defs/a\##($0 + 1)"}"## }.joined(separator: ",")
        let long = try Grammar(schema: ##"{"$ref":"#/$defs/a0","$defs":{\##(chain),"a2000":{"type":"null"}}}"##)
        #expect(long.accepts("null"))
    }

    @Test func deepNestingOfTextsIsAnErrorByName() throws {
        let grammar = try Grammar(schema: "{}")
        var table = StateTable(grammar.program)
        var state = try table.start()
        let error = #expect(throws: OuroError.self) {
            for _ in 0..<10_000 {
                table.work = 0
                state = try table.next(state, UInt8(ascii: "["))
            }
        }
        #expect(error?.message.hasPrefix("the text is nested deeper than 512 levels") == true)
    }

    /// Many optional members with long names: a grammar that spelt the rest of the object for every first member would have
    /// the square of their number.
    @Test func grammarsGrowWithTheirSchemas() throws {
        func size(_ count: Int) throws -> Int {
            let members = (0..<count).map { #""\#(String(repeating: "n", count: 100))\#($0)":{"type":"null"}"# }
            return try Grammar(schema: #"{"properties":{\#(members.joined(separator: ","))}}"#).program.code.count
        }
        let (one, many) = (try size(1), try size(200))
        #expect(many < one + 200 * 300, "\(many) instructions")
    }
}
