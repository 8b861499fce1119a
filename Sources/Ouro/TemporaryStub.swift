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
