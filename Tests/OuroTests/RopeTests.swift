import Foundation
import Testing

@testable import Ouro

/// RoPE's frequencies are those of Transformers, for every type and spelling.
@Suite struct RopeTests {
    /// One case of `rope_golden.json`, which `Scripts/generate_rope_goldens.py` writes.
    struct Case: Decodable {
        enum CodingKeys: String, CodingKey {
            case name, config, frequencies
            case attentionScaling = "attention_scaling"
        }
        let name: String
        let config: JSONObject
        let attentionScaling: Double
        let frequencies: [Float]
    }

    private func parse(_ members: JSONObject) throws -> ModelConfiguration {
        var changes: [String: String?] = [:]
        for (name, value) in members {
            changes[name] = String(decoding: try JSONEncoder().encode(value), as: UTF8.self)
        }
        return try ConfigurationSample.parse(changes)
    }

    @Test func frequenciesAgreeWithTransformers() throws {
        let data = try Data(contentsOf: Fixtures.url("rope_golden.json"))
        let cases = try JSONDecoder().decode([Case].self, from: data)
        #expect(cases.count == 22)
        var (same, all) = (0, 0)
        for golden in cases {
            let (found, scaling) = try parse(golden.config).inverseFrequencies()
            #expect(found.count == golden.frequencies.count, "\(golden.name)")
            expectClose(found, golden.frequencies[...], absolute: 0, relative: 1e-6, golden.name)
            #expect(abs(Double(scaling) - golden.attentionScaling) < 1e-7, "\(golden.name)")
            all += found.count
            same += zip(found, golden.frequencies).count { $0 == $1 }
        }
        #expect(same * 100 >= all * 95, "\(same) of \(all) frequencies are the same bit for bit")
    }

    private static let yarn = "\"rope_type\": \"yarn\", \"factor\": 4.0, \"beta_fast\": 16"

    static let spellings: [[String: String?]] = [
        ["rope_theta": "5e5", "rope_scaling": "{\(yarn)}"],
        ["rope_theta": "500000", "rope_scaling": "{\(yarn), \"type\": \"yarn\"}"],
        ["rope_theta": "5e5", "rope_scaling": "{\"type\": \"yarn\", \"factor\": 4, \"beta_fast\": 16.0}"],
        ["rope_theta": "5e5", "rope_scaling": "{\(yarn), \"rope_theta\": 500000.0}"],
        ["rope_theta": nil, "rope_scaling": nil, "rope_parameters": "{\(yarn), \"rope_theta\": 500000.0}"],
        ["rope_theta": "5e5", "rope_scaling": nil, "rope_parameters": "{\(yarn)}"],
        ["rope_theta": "5e5", "rope_scaling": "{\(yarn)}", "rope_parameters": "{\(yarn)}"],
        [
            "rope_theta": nil,
            "rope_parameters": """
            {"full_attention": {\(yarn), "rope_theta": 5e5}, "sliding_attention": {\(yarn), "rope_theta": 5e5},
             "chunked_attention": null}
            """,
        ],
    ]

    @Test(arguments: spellings)
    func allSpellingsMeanTheSame(changes: [String: String?]) throws {
        let expected = RopeConfiguration(
            theta: 500_000, scaling: .yarn(YarnScaling(factor: 4, originalContextLength: 4096, betaFast: 16)))
        #expect(try ConfigurationSample.parse(changes).rope == expected)
    }

    @Test(arguments: ["null", "{}", "{\"rope_type\": \"default\"}", "{\"type\": \"default\"}", "{\"rope_type\": null}"])
    func noScalingHasManySpellings(text: String) throws {
        let expected = RopeConfiguration(theta: 1_000_000)
        #expect(try ConfigurationSample.parse(["rope_scaling": text]).rope == expected)
        #expect(try ConfigurationSample.parse(["rope_scaling": nil, "rope_parameters": text]).rope == expected)
    }

    @Test func descriptionsAreForPeople() {
        #expect("\(RopeScaling.default)" == "default")
        #expect("\(RopeScaling.linear(factor: 2))" == "linear, factor 2.0")
        let yarn = YarnScaling(factor: 4, originalContextLength: 4096)
        #expect("\(RopeScaling.yarn(yarn))" == "yarn, factor 4.0 from 4096 positions")
        let llama3 = Llama3Scaling(
            factor: 8, lowFrequencyFactor: 1, highFrequencyFactor: 4, originalContextLength: 8192)
        #expect("\(RopeScaling.llama3(llama3))" == "llama3, factor 8.0 from 8192 positions")
    }
}
