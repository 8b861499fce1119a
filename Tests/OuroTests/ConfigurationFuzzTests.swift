import Foundation
import Testing

@testable import Ouro

/// Tests that a damaged `config.json` either throws or gives a configuration that works.
@Suite struct ConfigurationFuzzTests {
    private static let values = [
        "0", "-1", "1", "2", "3", "16", "64", "0.5", "1.5", "-0.0", "1e6", "1e-6", "1e300", "-1e300", "1e400", "1e-400",
        "255", "65536", "16777216", "2147483648", "9223372036854775807", "-9223372036854775808", "9223372036854775808",
        "true", "false", "null", "\"\"", "\"ouro\"", "\"silu\"", "\"yarn\"", "[]", "[0]", "[255, 1]", "[null]", "{}",
        "{\"rope_type\": \"default\"}", "[\"full_attention\", \"sliding_attention\", \"full_attention\"]",
        "\"\\u0000\"",
    ]

    private static let members = [
        "rope_type", "type", "factor", "rope_theta", "beta_fast", "beta_slow", "original_max_position_embeddings",
        "low_freq_factor", "high_freq_factor", "attention_factor", "mscale", "mscale_all_dim", "truncate",
    ]

    private static let names =
        ConfigurationSample.fields.keys.sorted()
        + ["layer_types", "rope_parameters", "dtype", "pad_token_id", "attention_bias", "partial_rotary_factor"]

    /// A `rope_scaling` with up to two members that have arbitrary values.
    private static func scaling(_ random: inout SeededRandom) -> String {
        let kind = ["linear", "yarn", "llama3", "default"][random.int(0...3)]
        var parts = ["rope_type": "\"\(kind)\"", "factor": "4.0", "original_max_position_embeddings": "64"]
        if kind == "llama3" {
            parts["low_freq_factor"] = "1"
            parts["high_freq_factor"] = "4"
        }
        for _ in 0..<random.int(0...2) {
            parts[members[random.int(0...members.count - 1)]] = values[random.int(0...values.count - 1)]
        }
        return "{" + parts.sorted { $0.key < $1.key }.map { "\"\($0.key)\": \($0.value)" }.joined(separator: ", ") + "}"
    }

    private static func mutatedFields(_ random: inout SeededRandom) -> Data {
        var changes: [String: String?] = [:]
        if random.int(0...1) == 0 { changes["rope_scaling"] = scaling(&random) }
        if random.int(0...3) == 0 {
            changes["use_sliding_window"] = "true"
            changes["sliding_window"] = "5"
            changes["max_window_layers"] = "\(random.int(0...3))"
        }
        for _ in 0..<random.int(0...2) {
            changes[names[random.int(0...names.count - 1)]] = .some(
                random.int(0...9) == 0 ? nil : values[random.int(0...values.count - 1)])
        }
        return Data(ConfigurationSample.text(changes).utf8)
    }

    private static func mutatedBytes(_ data: Data, _ random: inout SeededRandom) -> Data {
        let syntax = Array("0123456789-.eE\"{}[]:, ".utf8)
        var bytes = [UInt8](data)
        for _ in 0..<random.int(1...4) where !bytes.isEmpty {
            let index = random.int(0...bytes.count - 1)
            switch random.int(0...4) {
            case 0: bytes[index] = UInt8(random.int(0...255))
            case 1: bytes.insert(syntax[random.int(0...syntax.count - 1)], at: index)
            case 2: bytes.remove(at: index)
            case 3: bytes.removeSubrange(index..<min(bytes.count, index + random.int(1...40)))
            default: bytes.insert(contentsOf: bytes[index..<min(bytes.count, index + random.int(1...40))], at: index)
            }
        }
        return Data(bytes)
    }

    /// Returns whether the file loads. If so, checks everything that is derived from it.
    private static func load(_ data: Data) throws -> Bool {
        let configuration: ModelConfiguration
        do {
            configuration = try ModelConfiguration(parsing: data, file: "config.json")
        } catch {
            #expect(error.file == "config.json" && !error.message.isEmpty)
            return false
        }
        let text = String(decoding: data, as: UTF8.self)
        try configuration.validate()
        let (frequencies, scaling) = configuration.inverseFrequencies()
        #expect(frequencies.count == configuration.headDimension / 2, "\(text)")
        #expect(frequencies.allSatisfy { $0.isFinite && $0 > 0 } && scaling.isFinite && scaling > 0, "\(text)")
        #expect(configuration.slidingWindows.count == configuration.layerCount, "\(text)")
        let written = try configuration.encoded()
        #expect(try ModelConfiguration(parsing: written, file: "config.json") == configuration, "\(text)")
        return true
    }

    @Test func changedFieldsLoadOrThrow() throws {
        var random = SeededRandom(seed: 20_251)
        var loaded = 0
        for _ in 0..<3000 where try Self.load(Self.mutatedFields(&random)) { loaded += 1 }
        #expect((600...2400).contains(loaded), "too one-sided to test anything")
    }

    @Test func changedBytesLoadOrThrow() throws {
        var random = SeededRandom(seed: 20_252)
        let published = try Data(contentsOf: Fixtures.url("ouro-1.4b-config.json"))
        let sample = Data(ConfigurationSample.text(["rope_scaling": Self.scaling(&random)]).utf8)
        var loaded = 0
        for index in 0..<2000 {
            if try Self.load(Self.mutatedBytes(index % 2 == 0 ? published : sample, &random)) { loaded += 1 }
        }
        #expect((100...1900).contains(loaded), "too one-sided to test anything")
    }
}
