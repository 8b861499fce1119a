import Foundation
import Testing

@testable import Ouro
@testable import OuroConstraints
@testable import OuroServer

/// How a request says which texts it wants.
@Suite struct ResponseFormatTests {
    private static func format(_ body: String) throws -> ResponseFormat {
        try ResponseFormat(RequestFields(parsing: Data(body.utf8)))
    }

    @Test func namesStandForFormats() throws {
        #expect(try Self.format("{}") == .text)
        #expect(try Self.format(#"{"response_format":{"type":"text"}}"#) == .text)
        #expect(try Self.format(#"{"response_format":{"type":"json_object"}}"#) == .json(.anyObject))
    }

    @Test func membersComeInTheOrderOfTheRequest() throws {
        let schema = #"{"properties":{"y":{"type":"null"},"a.b":{"type":"null"}},"required":["y","a.b"]}"#
        let format = try Self.format(
            #"{"stop":["}",","],"response_format":{"type":"json_schema","json_schema":{"schema":\#(schema)}}}"#)
        guard case .json(let read) = format else {
            Issue.record("expected a schema, found \(format)")
            return
        }
        let grammar = try Grammar(read)
        #expect(grammar.accepts(#"{"y":null,"a.b":null}"#))
        #expect(!grammar.accepts(#"{"a.b":null,"y":null}"#))
    }
}
