import Foundation
import Testing

@testable import Ouro

/// What `config.json` says is what the configuration has.
@Suite struct ConfigurationTests {
    @Test func thePublishedFileReads() throws {
        let found = try ModelConfiguration(contentsOf: Fixtures.url("ouro-1.4b-config.json"))
        let expected = ModelConfiguration(
            vocabularySize: 49_152, hiddenSize: 2048, intermediateSize: 5632, layerCount: 24, headCount: 16,
            keyValueHeadCount: 16, headDimension: 128, contextLength: 65_536, loops: 4, exitThreshold: 1,
            rmsNormEpsilon: 1e-6, tiesWordEmbeddings: false, rope: RopeConfiguration(theta: 1_000_000),
            slidingWindows: Array(repeating: nil, count: 24), bosTokenID: 0, eosTokenIDs: [0], padTokenID: nil,
            dataType: "bfloat16")
        #expect(found == expected)
    }

    @Test func fixturesRead() throws {
        let a = try ModelConfiguration(contentsOf: Fixtures.url("a_base_mha_fp32_seed1/config.json"))
        #expect(
            a
                == ModelConfiguration(
                    vocabularySize: 256, hiddenSize: 64, intermediateSize: 128, layerCount: 2, headCount: 4,
                    headDimension: 16, contextLength: 65_536, bosTokenID: 0, eosTokenIDs: [0], dataType: "float32"))
        let i = try ModelConfiguration(contentsOf: Fixtures.url("i_odd_dims_seed1/config.json"))
        #expect(
            i
                == ModelConfiguration(
                    vocabularySize: 261, hiddenSize: 60, intermediateSize: 94, layerCount: 2, headCount: 6,
                    keyValueHeadCount: 3, headDimension: 10, contextLength: 65_536, rmsNormEpsilon: 1e-5, bosTokenID: 0,
                    eosTokenIDs: [0], dataType: "float32"))
    }

    @Test func absentFieldsGetTheReferencesDefaults() throws {
        let names = [
            "num_key_value_heads", "head_dim", "early_exit_threshold", "hidden_act", "tie_word_embeddings",
            "bos_token_id", "eos_token_id", "torch_dtype", "use_sliding_window", "sliding_window",
            "max_window_layers", "rope_scaling",
        ]
        let found = try ConfigurationSample.parse(Dictionary(uniqueKeysWithValues: names.map { ($0, String?.none) }))
        #expect(
            found
                == ModelConfiguration(
                    vocabularySize: 256, hiddenSize: 64, intermediateSize: 128, layerCount: 3, headCount: 4,
                    keyValueHeadCount: 4, headDimension: 16, contextLength: 4096))
        let nulls = Dictionary(uniqueKeysWithValues: names.map { ($0, String?.some("null")) })
        #expect(try ConfigurationSample.parse(nulls) == found)
    }

    @Test func integersMayBeWrittenAsFloats() throws {
        let found = try ConfigurationSample.parse([
            "max_position_embeddings": "1e6", "hidden_size": "64.0", "rope_theta": "10000", "eos_token_id": "[2.0, 0]",
        ])
        #expect(found.contextLength == 1_000_000)
        #expect(found.hiddenSize == 64)
        #expect(found.rope.theta == 10_000)
        #expect(found.eosTokenIDs == [2, 0])
    }

    @Test func bothSpellingsOfTheTypeAreRead() throws {
        #expect(try ConfigurationSample.parse(["torch_dtype": nil, "dtype": "\"float32\""]).dataType == "float32")
        #expect(try ConfigurationSample.parse(["dtype": "\"float32\""]).dataType == "float32")
        #expect(try ConfigurationSample.parse(["torch_dtype": "\"who knows\""]).dataType == "who knows")
    }

    @Test func unknownFieldsAreIgnored() throws {
        let found = try ConfigurationSample.parse([
            "transformers_version": "\"4.55.0\"", "initializer_range": "\"a lot\"",
        ])
        #expect(try found == ConfigurationSample.parse())
    }

    @Test func windowsFollowTheReference() throws {
        let on: [String: String?] = ["use_sliding_window": "true", "sliding_window": "5"]
        let types = "[\"sliding_attention\", \"full_attention\", \"sliding_attention\"]"
        let rows: [(changes: [String: String?], windows: [Int?])] = [
            (["max_window_layers": "1"], [nil, 5, 5]),
            (["max_window_layers": "0"], [5, 5, 5]),
            (["max_window_layers": "28"], [nil, nil, nil]),
            (["max_window_layers": "0", "use_sliding_window": "false"], [nil, nil, nil]),
            (["max_window_layers": "0", "sliding_window": "null"], [nil, nil, nil]),
            (["max_window_layers": "1", "layer_types": types], [5, nil, 5]),
            (["max_window_layers": nil, "layer_types": types], [5, nil, 5]),
        ]
        for (changes, expected) in rows {
            let found = try ConfigurationSample.parse(on.merging(changes) { $1 }).slidingWindows
            #expect(found == expected, "\(changes)")
        }
    }

    @Test func overridesAreValidated() throws {
        let changes: [(field: String, change: @Sendable (inout ModelConfiguration) -> Void)] = [
            ("total_ut_steps", { $0.loops = 0 }),
            ("total_ut_steps", { $0.loops = 65 }),
            ("early_exit_threshold", { $0.exitThreshold = .nan }),
            ("early_exit_threshold", { $0.exitThreshold = -.infinity }),
            ("rms_norm_eps", { $0.rmsNormEpsilon = .nan }),
            ("layer_types", { $0.layerCount = 2 }),
            ("layer_types", { $0.slidingWindows = [] }),
            ("sliding_window", { $0.slidingWindows[1] = 0 }),
            ("sliding_window", { $0.slidingWindows[1] = .min }),
            ("num_key_value_heads", { $0.keyValueHeadCount = 0 }),
            ("head_dim", { $0.headDimension = .min }),
            ("vocab_size", { $0.vocabularySize = .max }),
            ("rope_theta", { $0.rope.theta = .nan }),
            ("rope_scaling.factor", { $0.rope.scaling = .linear(factor: .infinity) }),
            (
                "rope_scaling.beta_slow",
                { $0.rope.scaling = .yarn(YarnScaling(factor: 2, originalContextLength: 8, betaFast: 1, betaSlow: 2)) }
            ),
            ("eos_token_id", { $0.eosTokenIDs = [0, 256] }),
            ("pad_token_id", { $0.padTokenID = -1 }),
        ]
        for (field, change) in changes {
            var configuration = try ConfigurationSample.parse()
            change(&configuration)
            let error = #expect(throws: OuroError.self, "\(field)") { try configuration.validate(file: "x.json") }
            #expect(error?.field == field)
            #expect(error?.file == "x.json")
            #expect(error?.code == .invalidConfiguration)
        }
        var configuration = try ConfigurationSample.parse()
        configuration.loops = 3
        configuration.exitThreshold = 0.8
        #expect(throws: Never.self) { try configuration.validate(file: "config.json") }
    }

    @Test func impossibleShapesBuildWithoutTrapping() {
        for bad in [Int.min, -1, 0, .max] {
            let configuration = ModelConfiguration(
                vocabularySize: bad, hiddenSize: bad, intermediateSize: bad, layerCount: bad, headCount: bad,
                contextLength: bad, loops: bad)
            #expect(throws: OuroError.self, "all sizes \(bad)") { try configuration.validate() }
        }
    }

    static let rewritten: [[String: String?]] = [
        [:],
        ["early_exit_threshold": "0.7", "rms_norm_eps": "1e-5", "tie_word_embeddings": "true"],
        ["eos_token_id": "[2, 0]", "bos_token_id": "1", "pad_token_id": "0"],
        ["eos_token_id": nil, "bos_token_id": nil, "torch_dtype": nil],
        ["use_sliding_window": "true", "sliding_window": "7", "max_window_layers": "1"],
        [
            "use_sliding_window": "true", "sliding_window": "7",
            "layer_types": "[\"sliding_attention\", \"full_attention\", \"full_attention\"]",
        ],
        ["rope_scaling": "{\"type\": \"linear\", \"factor\": 2.5}", "rope_theta": "12345.6789"],
        ["rope_scaling": "{\"rope_type\": \"yarn\", \"factor\": 4, \"mscale\": 1, \"mscale_all_dim\": 0.7}"],
        [
            "rope_scaling": """
            {"rope_type": "yarn", "factor": 4, "truncate": false, "beta_fast": 16, "beta_slow": 0.3,
             "original_max_position_embeddings": 100, "attention_factor": 0.1}
            """
        ],
        [
            "rope_scaling": """
            {"rope_type": "llama3", "factor": 8, "low_freq_factor": 1, "high_freq_factor": 4,
             "original_max_position_embeddings": 512}
            """
        ],
    ]

    @Test(arguments: rewritten)
    func whatIsWrittenReadsBackEqual(changes: [String: String?]) throws {
        let configuration = try ConfigurationSample.parse(changes)
        let data = try configuration.encoded()
        #expect(try ModelConfiguration(parsing: data, file: "config.json") == configuration)
        #expect(try configuration.encoded() == data, "the order of keys is not stable")
    }

    @Test func thePublishedFieldsAreWritten() throws {
        let published = Fixtures.url("ouro-1.4b-config.json")
        let configuration = try ModelConfiguration(contentsOf: published)
        let found = try Fields.configuration(parsing: configuration.encoded(), file: "config.json")
        let expected = try Fields.configuration(contentsOf: published)
        // What training or the library of Python alone reads.
        let others: Set = ["attention_dropout", "initializer_range", "use_cache", "transformers_version"]
        for (name, value) in expected.members where !others.contains(name) {
            #expect(found.members[name] == value, "\(name)")
        }
    }

    @Test func additionsAreWritten() throws {
        let quantization = JSONValue.object(["bits": .int(4), "group_size": .int(64)])
        let data = try ConfigurationSample.parse().encoded(adding: ["quantization": quantization])
        #expect(try Fields.configuration(parsing: data, file: "config.json").members["quantization"] == quantization)
    }

    @Test func whatTheFileCannotSayIsNotWritten() throws {
        var configuration = try ConfigurationSample.parse()
        configuration.slidingWindows = [4, nil, 5]
        #expect(throws: Never.self) { try configuration.validate() }
        #expect(try #require(throws: OuroError.self) { try configuration.encoded() }.code == .unsupported)
        configuration.slidingWindows = []
        #expect(try #require(throws: OuroError.self) { try configuration.encoded() }.field == "layer_types")
    }
}
