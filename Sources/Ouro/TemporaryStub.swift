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
public enum ElementType: String, Sendable { case f32 = "F32", f16 = "F16", bf16 = "BF16", i64 = "I64" }
public struct TensorInfo: Sendable { public var name: String, elementType: ElementType, shape: [Int], byteRange: Range<Int> }
final class Bytes: @unchecked Sendable { let p: UnsafeMutableRawBufferPointer; init(_ d: Data) { p = .allocate(byteCount: d.count + 64, alignment: 64); p.copyBytes(from: d) } }
public struct SafetensorsFile: Sendable {
  public var tensors: [String: TensorInfo] = [:]; let bytes: Bytes; let start: Int
  public init(contentsOf url: URL) throws(OuroError) {
    let d = try! Data(contentsOf: url); bytes = Bytes(d)
    let n = Int(bytes.p.load(as: UInt64.self)); start = 8 + n
    let j = try! JSONDecoder().decode(JSONValue.self, from: d[8..<8+n])
    guard case .object(let o) = j else { fatalError() }
    for (k, v) in o where k != "__metadata__" {
      guard case .string(let t)? = v["dtype"], case .array(let s)? = v["shape"], case .array(let r)? = v["data_offsets"] else { fatalError() }
      func ii(_ x: JSONValue) -> Int { if case .int(let i) = x { i } else { 0 } }
      guard let e = ElementType(rawValue: t) else { continue }
      tensors[k] = TensorInfo(name: k, elementType: e, shape: s.map(ii), byteRange: ii(r[0])..<ii(r[1]))
    } }
  func raw(_ n: String) -> UnsafeRawPointer { UnsafeRawPointer(bytes.p.baseAddress!) + start + tensors[n]!.byteRange.lowerBound }
  func floats(_ n: String) throws(OuroError) -> [Float] { let t = tensors[n]!; let c = t.shape.reduce(1, *); let p = raw(n); return (0..<c).map { t.elementType == .f32 ? p.loadUnaligned(fromByteOffset: 4 * $0, as: Float.self) : Float(bitPattern: UInt32(p.loadUnaligned(fromByteOffset: 2 * $0, as: UInt16.self)) << 16) } }
  func ints(_ n: String) throws(OuroError) -> [Int64] { let c = tensors[n]!.shape.reduce(1, *); let p = raw(n); return (0..<c).map { p.loadUnaligned(fromByteOffset: 8 * $0, as: Int64.self) } }
}
public struct Checkpoint: Sendable {
  let f: SafetensorsFile; public var tensors: [String: TensorInfo] { f.tensors }
  public init(folder: URL, mapped: Bool = true) throws(OuroError) { f = try SafetensorsFile(contentsOf: folder.appendingPathComponent("model.safetensors")) }
  public func validate(for: ModelConfiguration) throws(OuroError) {}
  func rawTensor(_ n: String) throws(OuroError) -> (UnsafeRawPointer, TensorInfo) { (f.raw(n), f.tensors[n]!) }
  func releasePages(of n: String) {}
}
