import Foundation
import Testing

@testable import Ouro

/// The parser accepts exactly what the standard has, says where a text is wrong, and works in linear time.
@Suite struct JSONParserTests {
    private func value(_ text: String, _ limits: JSONParser.Limits = .file) throws -> JSONValue {
        try JSONValue(parsing: Array(text.utf8), file: "f", code: .invalidData, limits: limits)
    }

    private func failure(_ bytes: [UInt8], _ limits: JSONParser.Limits = .file, line: Int? = nil) -> String {
        do throws(OuroError) {
            let value = try JSONValue(parsing: bytes, file: nil, code: .invalidData, limits: limits, line: line)
            return "accepted as \(value)"
        } catch {
            return error.description
        }
    }

    static let valid: [(text: String, value: JSONValue)] = [
        ("null", .null), (" true\n", .bool(true)), ("false", .bool(false)), ("\u{FEFF}{}", .object([:])),
        ("0", .int(0)), ("-0", .int(0)), ("-12", .int(-12)), ("9223372036854775807", .int(.max)),
        ("-9223372036854775808", .int(.min)), ("9223372036854775808", .bigInteger("9223372036854775808")),
        ("-9223372036854775809", .bigInteger("-9223372036854775809")),
        ("12345678901234567890123", .bigInteger("12345678901234567890123")),
        ("1.0", .double(1)), ("1e3", .double(1000)), ("-2.5E-1", .double(-0.25)), ("0.1", .double(0.1)),
        ("1e308", .double(1e308)), ("5e-324", .double(.leastNonzeroMagnitude)), ("1e-400", .double(0)),
        ("0.30000000000000004", .double(0.1 + 0.2)), ("123456789012345678.5", .double(123456789012345678.5)),
        ("9007199254740993.0", .double(9007199254740992)), ("1e23", .double(1e23)), ("8.5e22", .double(8.5e22)),
        (#""""#, .string("")), (#""a\"\\\/\b\f\n\r\té""#, .string("a\"\\/\u{8}\u{c}\n\r\té")),
        (#""\u00e9\uD83D\uDE00\u0000""#, .string("\u{e9}\u{1F600}\0")),
        (
            #""twelve bytes and 日本語 🎉 é\u0301""#,
            .string("twelve bytes and 日本語 🎉 é\u{301}")
        ),
        ("[ ]", .array([])), ("[1,[],{}]", .array([.int(1), .array([]), .object([:])])),
        (#"{ "a" : 1 , "b" : [ null ] }"#, .object(["a": .int(1), "b": .array([.null])])),
    ]

    @Test func validTextsAreRead() throws {
        for (text, expected) in Self.valid {
            let found = try value(text)
            #expect(found == expected, "\(text): \(found)")
        }
    }

    static let invalid: [(text: String, error: String)] = [
        ("", "line 1, column 1: expected a value, found the end of the text"),
        (" \n ", "line 2, column 2: expected a value, found the end of the text"),
        ("{\n\"a\": 1,\n\"b\": [1, 2}\n}", "b[2]: line 3, column 11: expected ',' or ']', found '}'"),
        ("{\"a\": {\"é\": 1]}", "a.é: line 1, column 14: expected ',' or '}', found ']'"),
        ("[1,]", "[1]: line 1, column 4: expected a value after ',', found ']'"),
        ("{\"a\":1,}", "a: line 1, column 8: expected '\"' of a key after ',', found '}'"),
        ("{a: 1}", "line 1, column 2: expected '\"' or '}', found 'a'"),
        ("{\"a\" 1}", "a: line 1, column 6: expected ':', found '1'"),
        ("{\"a\":}", "a: line 1, column 6: expected a value, found '}'"),
        ("{} {}", "line 1, column 4: expected the end of the text, found '{'"),
        ("1 x", "line 1, column 3: expected the end of the text, found 'x'"),
        ("[", "[0]: line 1, column 2: expected a value, found the end of the text"),
        ("[1", "[1]: line 1, column 3: expected ',' or ']', found the end of the text"),
        ("]", "line 1, column 1: expected a value, found ']'"),
        ("nul", "line 1, column 1: expected a value, found 'n'"),
        ("True", "line 1, column 1: expected a value, found 'T'"),
        ("'a'", "line 1, column 1: expected a value, found '''"),
        ("// x", "line 1, column 1: expected a value, found '/'"),
        ("NaN", "line 1, column 1: expected a value, found 'N'"),
        ("-Infinity", "line 1, column 2: expected a digit after '-', found 'I'"),
        ("+1", "line 1, column 1: expected a value, found '+'"),
        ("01", "line 1, column 1: expected a number without leading zeros, found 01"),
        ("[-012]", "[0]: line 1, column 3: expected a number without leading zeros, found -012"),
        ("1.", "line 1, column 3: expected a digit after '.', found the end of the text"),
        (".5", "line 1, column 1: expected a value, found '.'"),
        ("1e", "line 1, column 3: expected a digit of the exponent, found the end of the text"),
        ("1e+x", "line 1, column 4: expected a digit of the exponent, found 'x'"),
        ("0x10", "line 1, column 2: expected the end of the text, found 'x'"),
        (
            "[1e999]",
            "[0]: line 1, column 2: expected a number within the range of doubles (about 1.8e308), found 1e999"
        ),
        ("\"a", "line 1, column 3: expected '\"' at the end of the string, found the end of the text"),
        (
            "\"a\nb\"",
            "line 1, column 3: expected no control characters in a string, found the character U+000A; write it as an "
                + "escape such as \\n"
        ),
        (#""\x""#, #"line 1, column 3: expected one of " \ / b f n r t u after '\', found 'x'"#),
        (#""\u12g4""#, #"line 1, column 6: expected four hexadecimal digits after '\u', found 'g'"#),
        (
            #"{"a":"\ud800"}"#,
            #"a: line 1, column 7: expected a character or a pair of surrogates, found the lone surrogate \ud800"#
        ),
        (
            #""\udc00\ud800""#,
            #"line 1, column 2: expected a character or a pair of surrogates, found the lone surrogate \udc00"#
        ),
        (
            #""\ud800\u0041""#,
            #"line 1, column 2: expected a character or a pair of surrogates, found the lone surrogate \ud800"#
        ),
        (#"{"a":1,"b":2,"\u0061":3}"#, "a: line 1, column 14: the key appears twice; remove one of them"),
        (#"[{"x":{"a":1,"a":2}}]"#, "[0].x.a: line 1, column 14: the key appears twice; remove one of them"),
        ("\u{00A0}1", "line 1, column 1: expected a value, found the character U+00A0"),
    ]

    @Test func invalidTextsAreRefusedWithTheirPlace() {
        for (text, error) in Self.invalid { #expect(failure(Array(text.utf8)) == error, "\(text)") }
    }

    @Test func bytesThatAreNotTextAreRefused() {
        let invalid: [([UInt8], String)] = [
            ([0x22, 0x61, 0xFF, 0x22], "line 1, column 3: expected UTF-8, found the byte 0xFF"),
            ([0x22, 0xC0, 0x80, 0x22], "line 1, column 2: expected UTF-8, found the byte 0xC0"),
            ([0x22, 0xED, 0xA0, 0x80, 0x22], "line 1, column 2: expected UTF-8, found the byte 0xED"),
            ([0x22, 0xF4, 0x90, 0x80, 0x80, 0x22], "line 1, column 2: expected UTF-8, found the byte 0xF4"),
            ([0x22, 0xE2, 0x82, 0x22], "line 1, column 2: expected UTF-8, found the byte 0xE2"),
            ([0x7B, 0x00], "line 1, column 2: expected '\"' or '}', found a zero byte"),
            ([0xFF, 0xFE, 0x7B, 0x00], "line 1, column 1: expected a value, found the byte 0xFF"),
        ]
        for (bytes, error) in invalid { #expect(failure(bytes) == error) }
        // A string is searched in steps of eight bytes. Every place of such a step must be checked.
        for length in 0..<20 {
            let text = [0x22] + [UInt8](repeating: 0x61, count: length)
            #expect(failure(text + [0x0A, 0x22]).contains("column \(length + 2): expected no control"))
            #expect(failure(text + [0x80, 0x22]).contains("column \(length + 2): expected UTF-8"))
            #expect(failure(text).contains("column \(length + 2): expected '\"'"))
        }
    }

    /// Every text of up to three pieces is read or refused as by Foundation's reader, which is another implementation.
    @Test func shortTextsAreJudgedAsByFoundation() {
        let pieces = [
            "{", "}", "[", "]", ",", ":", "\"a\"", "\"b\"", "1", "-", "0", ".5", "e2", "true", "null", " ", "\"",
            "\\u0041",
        ]
        var count = 0
        func check(_ text: String) {
            let own = (try? value("[" + text + "]")) != nil
            let other = (try? JSONSerialization.jsonObject(with: Data(("[" + text + "]").utf8))) != nil
            // Foundation allows a comma at the end.
            let dense = text.filter { $0 != " " }
            guard !dense.hasSuffix(","), !dense.contains(",}"), !dense.contains(",]") else { return }
            #expect(own == other, "\(text)")
            count += 1
        }
        for one in pieces {
            check(one)
            for two in pieces {
                check(one + two)
                for three in pieces { check(one + two + three) }
            }
        }
        #expect(count > 5000)
    }

    @Test func pythonsNumbersAreReadOnRequest() throws {
        let found = try value("[NaN, Infinity, -Infinity]", .pythonFile)
        guard case .array(let elements) = found, elements.count == 3, case .double(let nan) = elements[0] else {
            Issue.record("\(found)")
            return
        }
        #expect(nan.isNaN && elements[1] == .double(.infinity) && elements[2] == .double(-.infinity))
        #expect(found.text == "[null,null,null]")
        #expect(
            JSONValue.object(["b": elements[1], "a": .int(1)]).fileText == "{\n  \"a\": 1,\n  \"b\": Infinity\n}\n")
    }

    @Test func linesOfAFileHaveTheirNumber() {
        #expect(
            failure(Array(#"{"a":[1,}"#.utf8), line: 12)
                == "line 12: a[1]: column 9: expected a value, found '}'")
        #expect(
            failure([], line: 3) == "line 3: column 1: expected a value, found the end of the text")
    }

    // MARK: work and limits

    private func steps(_ text: [UInt8], _ limits: JSONParser.Limits = .file) throws -> Int {
        try text.withUnsafeBytes { bytes in
            try JSONParser.parse(bytes, limits: limits, file: nil, code: .invalidData).steps
        }
    }

    /// The largest shapes that stopped earlier readers: the work stays within two steps for each byte.
    @Test func theWorkIsLinear() throws {
        func repeated(_ text: String, _ count: Int) -> String {
            Array(repeating: text, count: count).joined(separator: ",")
        }
        let deep = String(repeating: "[", count: 60) + repeated("{}", 40_000) + String(repeating: "]", count: 60)
        let keys = "{" + (0..<50_000).map { "\"k\($0)\":\($0)" }.joined(separator: ",") + "}"
        for text in [
            deep, keys, "[" + repeated("1", 200_000) + "]", "\"" + String(repeating: "x", count: 1 << 20) + "\"",
            "\"" + String(repeating: "\\u00e9", count: 50_000) + "\"", "[" + repeated("{\"a\":[]}", 40_000) + "]",
            String(repeating: "7", count: 100_000), "0." + String(repeating: "7", count: 100_000),
            String(repeating: " ", count: 100_000) + "1",
        ] {
            let count = try steps(Array(text.utf8))
            #expect(count <= 2 * text.utf8.count, "\(text.prefix(20)): \(count) steps for \(text.utf8.count) bytes")
        }
    }

    @Test func limitsAreNamed() {
        let flat = Array("[\(String(repeating: "1,", count: 2_600_000))1]".utf8)
        #expect(
            failure(flat, .request)
                == "line 1, column 2097152: expected at most 1048576 values in the whole text, found more")
        let objects = Array("[\(String(repeating: "{},", count: 1_100_000)){}]".utf8)
        #expect(failure(objects, .request).contains("expected at most 1048576 values"))
        for bracket in ["[", "{\"a\":"] {
            let deep = Array(String(repeating: bracket, count: 1_000_000).utf8)
            #expect(failure(deep).contains("expected at most 64 objects and arrays inside each other"))
        }
        let deepest = String(repeating: "[", count: 64) + String(repeating: "]", count: 64)
        #expect(!failure(Array(deepest.utf8)).contains("expected"))
    }

    /// The stack of a thread of 512 KiB is enough for the deepest value: to parse, compare, write and release it.
    @Test func deepValuesNeedLittleStack() async {
        let text = String(repeating: "{\"a\":[", count: 32) + String(repeating: "]}", count: 32)
        let same = await withCheckedContinuation { continuation in
            let thread = Thread {
                let value = try? JSONValue(parsing: text)
                continuation.resume(returning: value?.text == text && value == value)
            }
            thread.stackSize = 512 << 10
            thread.start()
        }
        #expect(same)
    }

    // MARK: values

    private func anyValue(_ random: inout SeededRandom, depth: Int) -> JSONValue {
        let texts = ["", "a", "\u{e9}", "e\u{301}", "\"\\\n\0", "日本語", "a.b", "a", String(repeating: "x", count: 40)]
        switch random.int(0...(depth > 4 ? 6 : 9)) {
        case 0: return .null
        case 1: return .bool(random.int(0...1) == 1)
        case 2: return .int(random.int(-5...5) * 1_000_000_007 * random.int(1...1_000_000))
        case 3:
            return .double(Double(bitPattern: UInt64(random.int(0...0x7FE)) << 52 | UInt64(random.int(0...1 << 50))))
        case 4: return .bigInteger("-1234567890123456789012\(random.int(0...9))")
        case 5, 6: return .string(texts[random.int(0...texts.count - 1)])
        case 7: return .array((0..<random.int(0...4)).map { _ in anyValue(&random, depth: depth + 1) })
        default:
            var object = JSONObject()
            for index in 0..<random.int(0...20) {
                object[texts[random.int(0...texts.count - 1)] + (index % 3 == 0 ? "\(index)" : "")] = anyValue(
                    &random, depth: depth + 1)
            }
            return .object(object)
        }
    }

    @Test func whatIsWrittenIsReadAgain() throws {
        var random = SeededRandom(seed: 11)
        var bytes = 0
        for _ in 0..<300 {
            let value = anyValue(&random, depth: 0)
            let text = value.text
            bytes += text.utf8.count
            let again = try JSONValue(parsing: text)
            #expect(again == value, "\(text)")
            #expect(again.text.utf8.elementsEqual(text.utf8), "\(text)")
            let file = try JSONValue(parsing: value.fileText)
            #expect(file == value, "\(text)")
        }
        #expect(bytes > 20_000)
    }
}
