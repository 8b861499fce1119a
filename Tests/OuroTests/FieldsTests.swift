import Foundation
import Testing

@testable import Ouro

/// One reader for the members of objects in files and requests. Its errors name field, expectation and value.
@Suite struct FieldsTests {
    private func fields(_ text: String, _ change: (inout Fields.Source) -> Void = { _ in }) throws -> Fields {
        var source = Fields.Source(code: .invalidData, file: "f.json")
        change(&source)
        return try Fields(parsing: Array(text.utf8), source: source)
    }

    private func failure(_ text: String, _ read: (Fields) throws -> Any?) throws -> String {
        let fields = try fields(text)
        do {
            return "accepted: \(String(describing: try read(fields)))"
        } catch {
            return "\(error)"
        }
    }

    @Test func errorsNameFieldExpectationAndValue() throws {
        let cases: [(String, String, (Fields) throws -> Any?)] = [
            (#"{"a":"abc"}"#, "a: expected an integer from 1 to 64, found 'abc'", { try $0.integer("a", 1...64) }),
            (#"{"a":65}"#, "a: expected an integer from 1 to 64, found 65", { try $0.integer("a", 1...64) }),
            (#"{"a":1.5}"#, "a: expected an integer, found 1.5", { try $0.integer("a") }),
            (
                #"{"a":123456789012345678901}"#, "a: expected an integer, found 123456789012345678901",
                { try $0.integer("a") }
            ),
            (#"{"a":-3}"#, "a: expected a number from 0 to 2.5, found -3", { try $0.number("a", 0...2.5) }),
            (#"{"a":[]}"#, "a: expected a number, found an array of 0 elements", { try $0.number("a") }),
            (#"{"a":{}}"#, "a: expected true or false, found an object", { try $0.flag("a") }),
            (#"{"a":7}"#, "a: expected a string, found 7", { try $0.string("a") }),
            (
                #"{"a":"é"}"#, "a: expected a string of at most 1 bytes, found 'é' of 2",
                { try $0.string("a", bytes: 0...1) }
            ),
            (#"{"a":"K"}"#, "a: expected 'q8' or 'exact', found 'K'", { try $0.choice("a", of: ["q8", "exact"]) }),
            (#"{"a":"\u212A"}"#, "a: expected 'K', found '\u{212A}'", { try $0.choice("a", of: ["K"]) }),
            (#"{"a":["x",1]}"#, "a[1]: expected a string, found 1", { try $0.strings("a") }),
            (#"{"a":[1,2,3]}"#, "a: expected at most 2 integers, found 3", { try $0.integers("a", count: 0...2) }),
            (#"{"a":[1,-2]}"#, "a[1]: expected an integer from 0 to 9, found -2", { try $0.integers("a", 0...9) }),
            (
                #"{"a":{"b":[{},{"c":true}]}}"#, "a.b[1].c: expected an integer, found true",
                {
                    for entry in try $0.object("a")?.objects("b") ?? [] { _ = try entry.integer("c") }
                    return nil
                }
            ),
            (#"{"b":1}"#, "a: the field is missing", { try $0.required("a", $0.string("a")) }),
            (
                #"{"hiden_size":1}"#,
                "hidden_size: the field is missing; did you mean it where you wrote 'hiden_size'?",
                { try $0.required("hidden_size", $0.integer("hidden_size")) }
            ),
            (
                #"{"name":"x","temprature":1}"#,
                "temprature: there is no such field; did you mean 'temperature'? expected one of: name, temperature",
                {
                    _ = try $0.string("name")
                    _ = try $0.number("temperature")
                    try $0.refuseUnread()
                    return nil
                }
            ),
        ]
        for (text, expected, read) in cases {
            let found = try failure(text, read)
            #expect(found == "f.json: " + expected)
        }
    }

    @Test func integersMayBeWrittenAsDoubles() throws {
        let fields = try fields(#"{"a":1e3,"b":2.0,"c":7,"d":99999999999999999999}"#)
        #expect(try fields.integer("a") == 1000 && fields.integer("b") == 2 && fields.number("c") == 7)
        #expect(try fields.number("d") == 1e20)
    }

    @Test func nullIsMissingWhereTheSourceSaysSo() throws {
        let lenient = try fields(#"{"a":null}"#)
        #expect(try lenient.string("a") == nil && !lenient.has("a"))
        let strict = try fields(#"{"a":null}"#) { $0.nullIsMissing = false }
        let error = #expect(throws: OuroError.self) { try strict.string("a") }
        #expect(error?.message == "expected a string, found null")
    }

    @Test func numbersThatAreNotFiniteAreRefusedWhereTheyAreRead() throws {
        let fields = try Fields.configuration(parsing: Data(#"{"a":NaN,"b":Infinity,"c":1}"#.utf8), file: "config.json")
        #expect(try fields.integer("c") == 1)
        let error = #expect(throws: OuroError.self) { try fields.number("b") }
        #expect(error?.description == "config.json: b: expected a finite number, found inf")
        #expect(throws: OuroError.self) { try fields.integer("a") }
    }

    @Test func linesOfJSONFilesAreNamed() throws {
        let fields = try fields(#"{"prompt":1}"#) { $0.line = 7 }
        let error = #expect(throws: OuroError.self) { try fields.string("prompt") }
        #expect(error?.description == "f.json: line 7: prompt: expected a string, found 1")
    }
}
