// swift-format-ignore-file
// Stand-ins until the real readers arrive in the next commits.
import Foundation
public struct GenerationConfiguration: Sendable {
  public var temperature: Float?, topK: Int?, topP: Float?, minP: Float?, repetitionPenalty: Float?, doSample: Bool?, eosTokenIDs: [Int]?
  static func load(fromModelFolder: URL) throws(OuroError) -> GenerationConfiguration { 
   var g = GenerationConfiguration()
   if let d = try? Data(contentsOf: fromModelFolder.appendingPathComponent("generation_config.json")), let j = try? JSONDecoder().decode(JSONValue.self, from: d), case .array(let a)? = j["eos_token_id"] { g.eosTokenIDs = a.compactMap { if case .int(let x) = $0 { x } else { nil } } }
   return g } }
public struct RopeConfiguration: Sendable, Equatable { public var theta: Float; public var scaling: String }
public struct ModelConfiguration: Sendable, Equatable {
  public var vocabularySize, hiddenSize, intermediateSize, layerCount, headCount, keyValueHeadCount, headDimension, contextLength, totalUTSteps: Int
  public var exitThreshold: Float, rmsNormEpsilon: Float, tiesWordEmbeddings: Bool
  public var rope: RopeConfiguration
  public var slidingWindows: [Int?]
  public var eosTokenIDs: [Int]
  public init(contentsOf url: URL) throws(OuroError) {
    let j = try! JSONDecoder().decode(JSONValue.self, from: Data(contentsOf: url))
    func i(_ k: String) -> Int { if case .int(let v)? = j[k] { v } else { 0 } }
    func f(_ k: String) -> Float { switch j[k] { case .double(let v)?: Float(v); case .int(let v)?: Float(v); default: 0 } }
    vocabularySize = i("vocab_size"); hiddenSize = i("hidden_size"); intermediateSize = i("intermediate_size"); layerCount = i("num_hidden_layers")
    headCount = i("num_attention_heads"); keyValueHeadCount = i("num_key_value_heads"); headDimension = i("head_dim"); contextLength = i("max_position_embeddings"); totalUTSteps = i("total_ut_steps")
    exitThreshold = f("early_exit_threshold"); rmsNormEpsilon = f("rms_norm_eps"); tiesWordEmbeddings = false
    rope = .init(theta: f("rope_theta"), scaling: "default"); slidingWindows = Array(repeating: nil, count: layerCount); eosTokenIDs = [0]
  }
  func validate(file: String) throws(OuroError) {}
  public func inverseFrequencies() -> (frequencies: [Float], attentionScaling: Float) {
    ((0..<headDimension/2).map { 1 / Float(pow(Double(rope.theta), Double(Float(2 * $0) / Float(headDimension)))) }, 1) }
}
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
