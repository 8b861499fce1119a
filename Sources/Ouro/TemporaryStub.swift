// swift-format-ignore-file
// Stand-ins until the real readers arrive in the next commits.
import Foundation
public struct Tokenizer: Sendable {
  public init(contentsOf url: URL) throws(OuroError) {}
  public var vocabularySize: Int { 256 }
  public func encode(_ text: String, parsingSpecialTokens: Bool = true) -> [Int] { text.utf8.map { Int($0) } }
  public func decode(_ ids: [Int], skippingSpecialTokens: Bool = false) -> String { String(decoding: ids.map { UInt8($0) }, as: UTF8.self) }
  public func bytes(of id: Int) -> [UInt8]? { [UInt8(id)] }
  public func piece(_ id: Int) -> String { "\(id)" }
  public func id(of token: String) -> Int? { nil }
  public func isSpecial(_ id: Int) -> Bool { false }
  public var missingBytes: [UInt8] { [] }
}
public struct StreamingDecoder: Sendable { public init(_ tokenizer: Tokenizer, skippingSpecialTokens: Bool = false) {}
  public mutating func append(_ id: Int) -> String { String(decoding: [UInt8(id)], as: UTF8.self) }
  public mutating func finish() -> String { "" } }
