import Foundation
import Testing

@testable import Ouro

/// Files that must be refused: each with the field and a part of the message that tells what is wrong.
@Suite struct SafetensorsBadInputTests {
    struct Case: CustomTestStringConvertible, Sendable {
        let name: String
        let data: Data
        var code = OuroError.Code.invalidCheckpoint
        var field: String? = "header"
        let message: String
        var testDescription: String { name }
    }

    private static func header(
        _ name: String, _ header: String, data: Int = 0, code: OuroError.Code = .invalidCheckpoint,
        field: String? = "header", _ message: String
    ) -> Case {
        Case(
            name: name, data: SafetensorsBytes.file(header, data: data), code: code, field: field, message: message)
    }

    /// A file with one tensor `t`, whose entry is wrong.
    private static func tensor(
        _ name: String, _ entry: String, data: Int = 4, code: OuroError.Code = .invalidCheckpoint, _ message: String
    ) -> Case {
        header(name, "{\"t\":\(entry)}", data: data, code: code, field: "t", message)
    }

    private static func entry(_ type: String = "\"F32\"", _ shape: String = "[1]", _ offsets: String = "[0,4]")
        -> String
    { SafetensorsBytes.entry(type, shape, offsets) }

    private static func byte(_ begin: Int, _ end: Int) -> String {
        entry("\"U8\"", "[\(end - begin)]", "[\(begin),\(end)]")
    }

    static let lengths: [Case] = [
        Case(name: "empty", data: Data(), field: nil, message: "0 bytes long"),
        Case(name: "seven bytes", data: Data(count: 7), field: nil, message: "7 bytes long"),
        Case(name: "no header", data: Data(count: 8), message: "begins with '{'"),
        Case(
            name: "longer than the file", data: SafetensorsBytes.file("{}", length: 3),
            message: "3 bytes, but only 2 follow"),
        Case(
            name: "longer than allowed", data: SafetensorsBytes.file("{}", length: 100_000_001),
            message: "at most 100000000"),
        Case(name: "2^63", data: SafetensorsBytes.file("{}", length: 1 << 63), message: "9223372036854775808 bytes"),
        Case(name: "2^64 - 1", data: SafetensorsBytes.file("{}", length: .max), message: "18446744073709551615 bytes"),
        Case(
            name: "wraps around with the 8 bytes before it", data: SafetensorsBytes.file("{}", length: .max - 7),
            message: "expected at most"),
        Case(
            name: "a Git LFS pointer", data: Data("version https://git-lfs.github.com/spec/v1\n".utf8),
            message: "git lfs pull"),
        Case(name: "GGUF", data: Data("GGUF\u{3}\0\0\0\u{1}\u{1}\u{1}\u{1}".utf8), message: ""),
        Case(name: "a PyTorch file", data: Data("PK\u{3}\u{4}abcdefgh".utf8), message: "PyTorch"),
    ]

    static let headers: [Case] = [
        header("not an object", "[]", "begins with '{'"),
        header("white space first", " {}", "begins with '{'"),
        Case(name: "byte order mark", data: SafetensorsBytes.file("\u{FEFF}{}"), message: "begins with '{'"),
        Case(
            name: "not UTF-8",
            data: SafetensorsBytes.file(Data(#"{"__metadata__":{"a":""#.utf8) + [0xFF] + Data(#""}}"#.utf8)),
            field: "__metadata__.a", message: "UTF-8"),
        Case(
            name: "UTF-16, in which no repeated key is seen",
            data: SafetensorsBytes.file(Data(#"{"__metadata__":{},"__metadata__":{}}"#.utf8.flatMap { [$0, 0] })),
            message: "zero byte"),
        header("no JSON", "{nonsense}", "column 2: expected '\"' or '}', found 'n'"),
        header("cut", #"{"__metadata__":{"#, field: "__metadata__", "the end of the text"),
        header("a string without end", #"{"__metadata__"#, "the end of the text"),
        header("something behind it", "{}{}", "expected the end of the text"),
        header("zeros behind it", "{}\0\0", "zero byte"),
        header(
            "deeply nested", String(repeating: #"{"a":"#, count: 100_000), "at most 64 objects"),
        header("metadata twice", #"{"__metadata__":{},"__metadata__":{}}"#, field: "__metadata__", "twice"),
        header(
            "metadata of numbers", #"{"__metadata__":{"a":1}}"#, field: "__metadata__", "expected a string, found 1"),
        header("metadata is a list", #"{"__metadata__":[]}"#, field: "__metadata__", "object of strings"),
        header("a tensor twice", "{\"t\":\(entry()),\"t\":\(entry())}", data: 4, field: "t", "twice"),
        header("a tensor twice, escaped", "{\"t\":\(entry()),\"\\u0074\":\(entry())}", data: 4, field: "t", "twice"),
        header(
            "dtype twice", #"{"t":{"dtype":"F32","dtype":"F32","shape":[1],"data_offsets":[0,4]}}"#, field: "t.dtype",
            "twice"),
    ]

    static let entries: [Case] = [
        tensor("not an object", "7", "expected an object"),
        tensor("null", "null", "expected an object"),
        tensor("a list", "[]", "expected an object"),
        tensor("no dtype", #"{"shape":[1],"data_offsets":[0,4]}"#, "expected exactly dtype"),
        tensor("no shape", #"{"dtype":"F32","data_offsets":[0,4]}"#, "found data_offsets, dtype"),
        tensor("no offsets", #"{"dtype":"F32","shape":[1]}"#, "found dtype, shape"),
        tensor(
            "a key more", #"{"dtype":"F32","shape":[1],"data_offsets":[0,4],"strides":[1]}"#, "shape, strides"),
        tensor("dtype is a number", entry("32"), "dtype: expected a string"),
        tensor("unknown dtype", entry("\"F4\""), code: .unsupported, "'F4' is not known"),
        tensor("dtype in lower case", entry("\"f32\""), code: .unsupported, "'f32' is not known"),
        tensor("shape is a number", entry("\"F32\"", "1"), "shape: expected a list"),
        tensor("shape of strings", entry("\"F32\"", #"["1"]"#), "shape: expected a list"),
        tensor("shape of booleans", entry("\"F32\"", "[true]"), "shape: expected a list"),
        tensor("shape with null", entry("\"F32\"", "[null]"), "shape: expected a list"),
        tensor("shape of lists", entry("\"F32\"", "[[1]]"), "shape: expected a list"),
        tensor("a fraction", entry("\"F32\"", "[1.5]"), "shape: expected a list"),
        tensor("a negative dimension", entry("\"F32\"", "[-1]"), "shape: expected a list"),
        tensor("two negative dimensions", entry("\"F32\"", "[-1,-1]"), "shape: expected a list"),
        tensor("2^63", entry("\"F32\"", "[9223372036854775808]"), "shape: expected a list"),
        tensor("1e30", entry("\"F32\"", "[1e30]"), "shape: expected a list"),
        tensor("-2^63", entry("\"F32\"", "[-9223372036854775808]"), "shape: expected a list"),
        tensor("2^63 - 1 floats", entry("\"F32\"", "[9223372036854775807]"), "does not fit 64 bits"),
        tensor("a product of 2^64 + 4", entry("\"F32\"", "[4294967296,4294967296]"), "does not fit 64 bits"),
        tensor("2^32 + 1, cut to 32 bits", entry("\"F32\"", "[4294967297]"), "takes 17179869188 bytes"),
        tensor("one offset", entry("\"F32\"", "[1]", "[0]"), "expected two numbers, found 1"),
        tensor("three offsets", entry("\"F32\"", "[1]", "[0,4,4]"), "expected two numbers, found 3"),
        tensor("no offset", entry("\"F32\"", "[1]", "[]"), "expected two numbers, found 0"),
        tensor("a negative offset", entry("\"F32\"", "[1]", "[-4,0]"), "data_offsets: expected a list"),
        tensor("an offset of 2^64", entry("\"F32\"", "[1]", "[0,18446744073709551616]"), "data_offsets: expected"),
        tensor("offsets the wrong way round", entry("\"F32\"", "[1]", "[4,0]"), "lies before the beginning"),
        tensor(
            "fewer bytes than the shape", entry("\"F32\"", "[2]", "[0,4]"),
            "[2] of F32 takes 8 bytes, but data_offsets span 4"),
        tensor("more bytes than the shape", entry("\"F32\"", "[]", "[0,8]"), data: 8, "[] of F32 takes 4 bytes"),
        tensor("past the end", entry("\"F32\"", "[2]", "[0,8]"), data: 4, "the file has 4 bytes of data"),
        tensor(
            "far past the end", entry("\"U8\"", "[9223372036854775807]", "[0,9223372036854775807]"),
            "run past the end"),
        tensor("a hole at the start", entry("\"U8\"", "[1]", "[1,2]"), data: 2, "belong to no tensor"),
        header("bytes left over", "{\"t\":\(byte(0, 1))}", data: 2, "take 1 bytes, but 2 bytes of data"),
        header("data without tensors", "{}", data: 1, "take 0 bytes, but 1 bytes of data"),
        header("a hole", "{\"t\":\(byte(0, 1)),\"u\":\(byte(2, 3))}", data: 3, field: "u", "'t' ends at byte 1"),
        header("an overlap", "{\"t\":\(byte(0, 2)),\"u\":\(byte(1, 3))}", data: 3, field: "u", "they overlap"),
        header("the same bytes", "{\"t\":\(byte(0, 2)),\"u\":\(byte(0, 2))}", data: 2, field: "u", "they overlap"),
        header(
            "an empty tensor inside another", "{\"t\":\(byte(0, 2)),\"u\":\(byte(1, 1))}", data: 2, field: "u",
            "they overlap"),
        header("an empty tensor past the end", "{\"t\":\(byte(7, 7))}", field: "t", "run past the end"),
    ]

    @Test(arguments: lengths + headers + entries) func badFilesAreRefused(_ bad: Case) throws {
        let folder = try CheckpointFolder()
        let url = try folder.write("bad.safetensors", bad.data)
        for mapped in [true, false] {
            let error = failure { () throws(OuroError) in
                _ = try SafetensorsFile(contentsOf: url, mapped: mapped)
            }
            #expect(error?.code == bad.code)
            #expect(error?.file == url.path)
            #expect(error?.field == bad.field)
            #expect(error?.message.contains(bad.message) == true || bad.message.isEmpty, "\(error?.message ?? "")")
        }
    }

    @Test func hostileNamesMakeShortMessages() throws {
        let folder = try CheckpointFolder()
        let name = String(repeating: "n", count: 1_000_000) + "\\u001b[2J"
        for header in ["{\"\(name)\":1}", "{\"\(name)\":1,\"\(name)\":1}", "{\"t\":{\"\(name)\":1}}"] {
            let url = try folder.write("bad.safetensors", SafetensorsBytes.file(header))
            let error = failure { () throws(OuroError) in _ = try SafetensorsFile(contentsOf: url) }
            #expect((error?.description.utf8.count ?? .max) < url.path.utf8.count + 400)
        }
        for map in ["{\"\(name)\":1}", "{\"\(name)\":\"\(name)\"}"] {
            let url = try folder.write(ShardIndex.name, "{\"weight_map\":\(map)}")
            let error = failure { () throws(OuroError) in _ = try ShardIndex(contentsOf: url) }
            #expect((error?.description.utf8.count ?? .max) < url.path.utf8.count + 400)
        }
        #expect(NameList.clipped("a\u{1B}[2J\nb") == "a\u{FFFD}[2J\u{FFFD}b")
    }
}
