import Foundation
import Testing

@testable import Ouro

/// A `config.json` that cannot be right is refused, with the field and the value named.
@Suite struct ConfigurationErrorTests {
    struct Row: Sendable, CustomTestStringConvertible {
        let changes: [String: String?]
        /// The field the error names.
        let field: String?
        /// What its message must contain: the value that was found.
        let found: String
        let code: OuroError.Code

        init(
            _ changes: [String: String?], field: String? = nil, _ found: String,
            code: OuroError.Code = .invalidConfiguration
        ) {
            self.changes = changes
            self.field = field ?? changes.keys.first
            self.found = found
            self.code = code
        }

        var testDescription: String { "\(changes)" }
    }

    static let sizes: [Row] =
        [
            "vocab_size", "hidden_size", "intermediate_size", "num_hidden_layers", "num_attention_heads",
            "max_position_embeddings", "total_ut_steps",
        ].flatMap { name in
            [
                Row([name: nil], "missing"), Row([name: "null"], "missing"), Row([name: "0"], "found 0"),
                Row([name: "-1"], "found -1"), Row([name: "1.5"], "found 1.5"), Row([name: "\"8\""], "found '8'"),
                Row([name: "true"], "found true"), Row([name: "[8]"], "found an array"),
                Row([name: "9223372036854775807"], "found 9223372036854775807"), Row([name: "1e30"], "found 1e+30"),
            ]
        } + [
            Row(["num_key_value_heads": "0"], "found 0"), Row(["num_key_value_heads": "3"], "found 3"),
            Row(["num_key_value_heads": "8"], "found 8"), Row(["num_key_value_heads": "\"2\""], "found '2'"),
            Row(["head_dim": "15"], "found 15"), Row(["head_dim": "0"], "found 0"),
            Row(["head_dim": "8192"], "found 8192"),
            Row(["head_dim": nil, "hidden_size": "66"], field: "head_dim", "66"),
            Row(["head_dim": nil, "hidden_size": "-64"], field: "hidden_size", "found -64"),
            Row(["head_dim": nil, "num_attention_heads": "0"], field: "num_attention_heads", "found 0"),
            Row(["head_dim": nil, "num_attention_heads": "-1"], field: "num_attention_heads", "found -1"),
            Row(["total_ut_steps": "65"], "found 65"), Row(["num_hidden_layers": "1025"], "found 1025"),
            Row(
                ["hidden_size": "1048576", "intermediate_size": "1048576"], field: "hidden_size",
                "parameters, expected at most 1099511627776"),
        ]

    static let constants: [Row] = [
        Row(["rms_norm_eps": nil], "missing"), Row(["rms_norm_eps": "0"], "found 0"),
        Row(["rms_norm_eps": "-1e-6"], "found -"), Row(["rms_norm_eps": "1e-60"], "found 0"),
        Row(["rms_norm_eps": "\"1e-6\""], "found '1e-6'"), Row(["early_exit_threshold": "-0.5"], "found -0.5"),
        Row(["early_exit_threshold": "true"], "found true"), Row(["early_exit_threshold": "1e300"], "found inf"),
        Row(["tie_word_embeddings": "1"], "found 1"), Row(["tie_word_embeddings": "\"false\""], "found 'false'"),
        Row(["torch_dtype": "16"], "found 16"), Row(["dtype": "[]"], "found an array"),
        Row(["bos_token_id": "256"], "256"), Row(["pad_token_id": "-1"], "found -1"),
        Row(["eos_token_id": "[0, 256]"], "256"), Row(["eos_token_id": "[0, 1.5]"], field: "eos_token_id[1]", "1.5"),
        Row(["eos_token_id": "{}"], "found an object"), Row(["bos_token_id": "[0]"], "found an array"),
        Row(["model_type": nil], "missing"), Row(["model_type": "1"], "found 1"),
        Row(["model_type": "\"llama\""], "found 'llama'", code: .unsupported),
        Row(["hidden_act": "\"gelu\""], "found 'gelu'", code: .unsupported),
        Row(["hidden_act": "0"], "found 0"), Row(["attention_bias": "true"], "found true", code: .unsupported),
        Row(["mlp_bias": "true"], "found true", code: .unsupported), Row(["mlp_bias": "0"], "found 0"),
    ]

    static let windows: [Row] = [
        Row(["use_sliding_window": "1"], "found 1"),
        Row(["use_sliding_window": "true", "sliding_window": nil], field: "sliding_window", "missing"),
        Row(
            ["use_sliding_window": "true", "sliding_window": "0", "max_window_layers": "0"], field: "sliding_window",
            "found 0"),
        Row(
            ["use_sliding_window": "true", "sliding_window": "2.5", "max_window_layers": "0"], field: "sliding_window",
            "found 2.5"),
        Row(
            ["use_sliding_window": "true", "sliding_window": "5", "max_window_layers": nil], field: "max_window_layers",
            "missing"),
        Row(
            ["use_sliding_window": "true", "sliding_window": "5", "max_window_layers": "-1"],
            field: "max_window_layers", "found -1"),
        Row(["layer_types": "[\"full_attention\"]"], "found 1"),
        Row(["layer_types": "\"full_attention\""], "found 'full_attention'"),
        Row(["layer_types": "[1, 2, 3]"], field: "layer_types[0]", "found 1"),
        Row(
            ["layer_types": "[\"full_attention\", \"chunked_attention\", \"full_attention\"]"], field: "layer_types[1]",
            "found 'chunked_attention'", code: .unsupported),
        Row(
            ["layer_types": "[\"full_attention\", \"sliding_attention\", \"full_attention\"]", "sliding_window": "5"],
            field: "use_sliding_window", "layer 1"),
        Row(
            [
                "layer_types": "[\"full_attention\", \"sliding_attention\", \"full_attention\"]",
                "use_sliding_window": "true",
            ], field: "sliding_window", "layer 1"),
    ]

    static func scaling(
        _ text: String, _ member: String?, _ found: String, code: OuroError.Code = .invalidConfiguration
    ) -> Row {
        Row(
            ["rope_scaling": text], field: "rope_scaling" + (member.map { ".\($0)" } ?? ""), found, code: code)
    }

    static func yarn(_ members: String, _ member: String, _ found: String) -> Row {
        scaling("{\"rope_type\": \"yarn\", \(members)}", member, found)
    }

    static func llama3(_ members: String, _ member: String, _ found: String) -> Row {
        scaling("{\"rope_type\": \"llama3\", \(members)}", member, found)
    }

    static let rope: [Row] = [
        Row(["rope_theta": nil], "missing"), Row(["rope_theta": "1"], "found 1"),
        Row(["rope_theta": "-1e6"], "found -1"),
        Row(["rope_theta": "1e17"], "found 1e+17"), Row(["rope_theta": "\"1e6\""], "found '1e6'"),
        Row(["partial_rotary_factor": "0.5"], "found 0.5", code: .unsupported),
        scaling("\"yarn\"", nil, "found 'yarn'"), scaling("{\"factor\": 2}", "rope_type", "missing"),
        scaling("{\"rope_type\": 7}", "rope_type", "found 7"),
        scaling("{\"rope_type\": \"yarn\", \"type\": \"linear\", \"factor\": 2}", "type", "'linear' and 'yarn'"),
        scaling("{\"type\": \"ntk\"}", "type", "found 'ntk'", code: .unsupported),
        scaling("{\"rope_type\": \"dynamic\", \"factor\": 2}", "rope_type", "'dynamic'", code: .unsupported),
        scaling("{\"rope_type\": \"longrope\"}", "rope_type", "'longrope'", code: .unsupported),
        scaling("{\"type\": \"su\"}", "type", "'su'", code: .unsupported),
        scaling("{\"type\": \"linear\"}", "factor", "missing"),
        scaling("{\"type\": \"linear\", \"factor\": 0.5}", "factor", "found 0.5"),
        scaling("{\"type\": \"linear\", \"factor\": \"2\"}", "factor", "found '2'"),
        scaling("{\"type\": \"linear\", \"factor\": 2, \"rope_theta\": 5}", "rope_theta", "5.0 and 1000000.0"),
        scaling(
            "{\"type\": \"default\", \"partial_rotary_factor\": 0.25}", "partial_rotary_factor", "found 0.25",
            code: .unsupported),
        yarn("\"truncate\": true", "factor", "missing"),
        yarn("\"factor\": 2, \"beta_fast\": 0", "beta_fast", "found 0"),
        yarn("\"factor\": 2, \"beta_slow\": 33", "beta_slow", "found 33"),
        yarn("\"factor\": 2, \"attention_factor\": 0", "attention_factor", "found 0"),
        yarn("\"factor\": 2, \"mscale\": -1", "mscale", "found -1"),
        yarn("\"factor\": 2, \"mscale_all_dim\": true", "mscale_all_dim", "found true"),
        yarn("\"factor\": 2, \"truncate\": 1", "truncate", "found 1"),
        yarn(
            "\"factor\": 2, \"original_max_position_embeddings\": 0", "original_max_position_embeddings", "found 0"),
        llama3(
            "\"factor\": 2, \"low_freq_factor\": 1, \"high_freq_factor\": 4", "original_max_position_embeddings",
            "missing"),
        llama3(
            "\"factor\": 2, \"low_freq_factor\": 4, \"high_freq_factor\": 4, \"original_max_position_embeddings\": 64",
            "high_freq_factor", "found 4"),
        llama3(
            "\"factor\": 2, \"low_freq_factor\": 0, \"high_freq_factor\": 4, \"original_max_position_embeddings\": 64",
            "low_freq_factor", "found 0"),
        Row(
            ["rope_scaling": "{\"type\": \"yarn\", \"factor\": 2}", "max_position_embeddings": "-1"],
            field: "max_position_embeddings", "found -1"),
        Row(["rope_parameters": "[]"], "found an array"),
        Row(
            ["rope_parameters": "{\"rope_type\": \"linear\", \"factor\": 0}"], field: "rope_parameters.factor",
            "found 0"),
        Row(
            ["rope_parameters": "{\"rope_type\": \"default\"}", "rope_theta": nil], field: "rope_theta", "missing"),
        Row(
            [
                "rope_parameters": "{\"rope_type\": \"linear\", \"factor\": 2}",
                "rope_scaling": "{\"type\": \"linear\", \"factor\": 3}",
            ], field: "rope_scaling", "another one", code: .unsupported),
        Row(
            [
                "rope_parameters": """
                {"full_attention": {"rope_type": "default"},
                 "sliding_attention": {"rope_type": "linear", "factor": 2}}
                """
            ], field: "rope_parameters", "sliding_attention", code: .unsupported),
        Row(
            ["rope_parameters": "{\"full_attention\": {\"rope_type\": \"default\"}, \"rope_theta\": 10000}"],
            field: "rope_parameters.rope_theta", "found 10000"),
        Row(
            ["rope_parameters": "{\"full_attention\": {\"rope_type\": \"linear\", \"factor\": 0.5}}"],
            field: "rope_parameters.full_attention.factor", "found 0.5"),
    ]

    @Test(arguments: sizes + constants + windows + rope)
    func theErrorNamesFieldAndValue(row: Row) throws {
        let error = try #require(ConfigurationSample.error(row.changes), "it loads")
        #expect(error.file == "config.json")
        #expect(error.field == row.field, "\(error)")
        #expect(error.code == row.code, "\(error)")
        #expect(error.message.contains(row.found), "\(error), expected \(row.found)")
    }

    @Test(arguments: [
        "", " ", "{", "[]", "7", "null", "{\"vocab_size\": 1, \"vocab_size\": 2}", "{\"a\": NaN}", "{\"a\": 01}",
        "{} {}", "\u{FEFF}[", String(repeating: "[", count: 100_000), "{\"a\": " + String(repeating: "[", count: 65),
    ])
    func whatIsNoObjectIsRefused(text: String) throws {
        let error = #expect(throws: OuroError.self) {
            try ModelConfiguration(parsing: Data(text.utf8), file: "config.json")
        }
        #expect(error?.code == .invalidConfiguration)
        #expect(error?.file == "config.json")
    }

    @Test func filesThatCannotBeReadAreNamed() throws {
        let folder = FileManager.default.temporaryDirectory.appendingPathComponent("ouro-\(UUID().uuidString)")
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
        defer { try? FileManager.default.removeItem(at: folder) }
        let missing = folder.appendingPathComponent("config.json")
        for url in [missing, folder] {
            let error = #expect(throws: OuroError.self) { try ModelConfiguration(contentsOf: url) }
            #expect(error?.code == .unreadableFile)
            #expect(error?.file == url.path)
        }
        try Data(repeating: 0x20, count: Fields.configurationLimit + 1).write(to: missing)
        let error = #expect(throws: OuroError.self) { try ModelConfiguration(contentsOf: missing) }
        #expect(error?.code == .invalidConfiguration)
    }
}
