import Foundation

@testable import Ouro

/// A small valid `config.json`. Tests replace its fields by other JSON texts.
enum ConfigurationSample {
    static let fields: [String: String] = [
        "model_type": "\"ouro\"", "vocab_size": "256", "hidden_size": "64", "intermediate_size": "128",
        "num_hidden_layers": "3", "num_attention_heads": "4", "num_key_value_heads": "2", "head_dim": "16",
        "max_position_embeddings": "4096", "total_ut_steps": "4", "early_exit_threshold": "1.0",
        "rms_norm_eps": "1e-06", "rope_theta": "1000000.0", "rope_scaling": "null", "hidden_act": "\"silu\"",
        "tie_word_embeddings": "false", "bos_token_id": "0", "eos_token_id": "0", "torch_dtype": "\"bfloat16\"",
        "use_sliding_window": "false", "sliding_window": "null", "max_window_layers": "3",
    ]

    /// The file's text with these changes. A nil removes the field.
    static func text(_ changes: [String: String?] = [:]) -> String {
        var fields = fields
        for (name, value) in changes { fields[name] = value }
        return "{" + fields.sorted { $0.key < $1.key }.map { "\"\($0.key)\": \($0.value)" }.joined(separator: ", ")
            + "}"
    }

    static func parse(_ changes: [String: String?] = [:]) throws(OuroError) -> ModelConfiguration {
        try ModelConfiguration(parsing: Data(text(changes).utf8), file: "config.json")
    }

    /// The error that a file with these changes gives, or nil if it loads.
    static func error(_ changes: [String: String?]) -> OuroError? {
        do throws(OuroError) {
            _ = try parse(changes)
            return nil
        } catch {
            return error
        }
    }
}
