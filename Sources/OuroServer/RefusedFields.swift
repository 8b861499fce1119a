import Ouro

/// Fields of other servers that this server does not have and that would change the answer. Ignoring one would mislead
/// the client, so a request with such a field is refused. The article on serving prints this table.
enum RefusedFields {
    /// The endpoints of a field.
    struct Endpoints: OptionSet, Sendable {
        let rawValue: Int
        static let completions = Endpoints(rawValue: 1)
        static let chat = Endpoints(rawValue: 2)
        static let responses = Endpoints(rawValue: 4)
        static let messages = Endpoints(rawValue: 8)
        static let all: Endpoints = [.completions, .chat, .responses, .messages]

        /// The words of the table.
        var text: String {
            if self == .all { return "all" }
            let names: [(Endpoints, String)] = [
                (.completions, "completions"), (.chat, "chat"), (.responses, "responses"), (.messages, "messages"),
            ]
            return names.filter { contains($0.0) }.map(\.1).joined(separator: ", ")
        }
    }

    struct Field: Sendable {
        var name: String
        /// The values that change nothing. A field with one of them is ignored, and so are `null`, `false`, `""`, `[]`
        /// and `{}`.
        var harmless: [JSONValue] = []
        var reason: String
        var endpoints = Endpoints.all
    }

    private static let one: [JSONValue] = [.int(1)]
    private static let zero: [JSONValue] = [.int(0)]

    static let all: [Field] = [
        // Constraints.
        field("ebnf", "use guided_grammar with a grammar in llama.cpp's notation"),
        field("stop_regex", "use stop"),
        field("structural_tag", "use tools"),
        // Sampling.
        field("best_of", one, "use n"),
        field("use_beam_search", "beam search is not supported"),
        field("num_beams", one, "beam search is not supported"),
        field("length_penalty", one, "beam search is not supported"),
        field("do_sample", [.bool(true)], "use temperature: 0 for the most likely token"),
        field("typical_p", one, "use top_p or min_p"),
        field("top_a", zero, "use top_p or min_p"),
        field("tfs", one, "use top_p or min_p"),
        field("tfs_z", one, "use top_p or min_p"),
        field("top_n_sigma", [.int(-1), .int(0)], "use top_p or min_p"),
        field("nsigma", [.int(-1), .int(0)], "use top_p or min_p"),
        field("epsilon_cutoff", zero, "use min_p"),
        field("eta_cutoff", zero, "use min_p"),
        field("xtc_probability", zero, "is not supported"),
        field("xtc_threshold", [.double(0.1)], "is not supported"),
        field("dry_multiplier", zero, "use repetition_penalty"),
        field("dry_base", [.double(1.75)], "use repetition_penalty"),
        field("dry_allowed_length", [.int(2)], "use repetition_penalty"),
        field("dry_penalty_last_n", [.int(-1)], "use repetition_penalty"),
        field("dry_sequence_breakers", "use repetition_penalty"),
        field("mirostat", zero, "use temperature"),
        field("mirostat_mode", zero, "use temperature"),
        field("mirostat_tau", [.int(5)], "use temperature"),
        field("mirostat_eta", [.double(0.1)], "use temperature"),
        field("dynatemp_range", zero, "use temperature"),
        field("dynatemp_exponent", one, "use temperature"),
        field("smoothing_factor", zero, "use temperature"),
        field("repeat_penalty", one, "use repetition_penalty"),
        field("repeat_last_n", "use repetition_penalty"),
        field("encoder_repetition_penalty", one, "is not supported"),
        field("no_repeat_ngram_size", zero, "is not supported"),
        field("penalty_alpha", zero, "is not supported"),
        field("guidance_scale", one, "is not supported"),
        field("negative_prompt", "is not supported"),
        field("samplers", "the order of sampling steps is fixed"),
        field("sampler_order", "the order of sampling steps is fixed"),
        field("bad_words", "use logit_bias"),
        field("allowed_token_ids", "use logit_bias or response_format"),
        field("logits_processors", "is not supported"),
        field("custom_logit_processor", "is not supported"),
        // Length and prompt.
        field("n_predict", [.int(-1)], "use max_tokens"),
        field("num_predict", [.int(-1)], "use max_tokens"),
        field("max_new_tokens", "use max_tokens"),
        field("max_length", "use max_tokens"),
        field("min_new_tokens", zero, "use min_tokens"),
        field("stop_sequences", "use stop", [.completions, .chat, .responses]),
        field("options", "give its members in the request itself"),
        field("prompt_embeds", "is not supported"),
        field("suffix", "inserting text is not supported"),
        field("system", "use a message with the role system", [.completions, .chat, .responses]),
        field("echo", "use /v1/completions", [.chat, .responses, .messages]),
        field("continue_final_message", "use /v1/completions with the rendered prompt of /tokenize"),
        field("add_generation_prompt", [.bool(true)], "only true is supported", refusesFalse: true),
        field("chat_template", "the template is the model's", [.chat, .responses, .messages]),
        field("documents", "give the documents in a message"),
        field("images", "only text is supported"),
        field("image_data", "only text is supported"),
        field("audio", "only text is supported"),
        field("modalities", [.array([.string("text")])], "only text is supported"),
        // Models and tools.
        field("lora", "start the server with --adapter"),
        field("lora_path", "start the server with --adapter"),
        field("lora_request", "start the server with --adapter"),
        field("functions", "use tools"),
        field("function_call", [.string("none"), .string("auto")], "use tool_choice"),
        field("tools", "use /v1/chat/completions", .completions),
        field(
            "tool_choice", [.string("none"), .string("auto")], "use /v1/chat/completions", .completions),
        field("web_search_options", "the server has no tools of its own"),
        // Thoughts.
        field(
            "thinking", [.object(["type": .string("disabled")])], "use reasoning_effort or max_thinking_tokens",
            [.completions, .chat, .responses]),
        field("enable_thinking", "use reasoning_effort, or chat_template_kwargs", refusesFalse: true),
        field("reasoning", "use reasoning_effort", [.completions, .chat, .messages]),
        field("thinking_budget", "use max_thinking_tokens"),
        field("thinking_token_budget", "use max_thinking_tokens"),
        field("reasoning_effort", [.string("none")], "use /v1/chat/completions", .completions),
        field("max_thinking_tokens", "use /v1/chat/completions", .completions),
        field("reasoning_effort", [.string("none")], "use thinking", .messages),
        field("max_thinking_tokens", "use thinking with budget_tokens", .messages),
        field("include_reasoning", [.bool(true)], "use thinking", .messages, refusesFalse: true),
        field("separate_reasoning", [.bool(true)], "use skip_special_tokens: false", refusesFalse: true),
        // The form of the answer.
        field("return_tokens_as_token_ids", "use return_token_ids"),
        field("verbosity", [.string("medium")], "say in a message how long the answer should be"),
        field(
            "top_logprobs", zero, "use logprobs of /v1/completions, or /v1/chat/completions",
            [.completions, .responses, .messages]),
        field("n", one, "use /v1/chat/completions", [.responses, .messages]),
        field("logprobs", "use /v1/chat/completions", [.responses, .messages]),
        field("prompt_logprobs", "use /v1/chat/completions", [.responses, .messages]),
        field("return_token_ids", "use /v1/chat/completions", [.responses, .messages]),
        field("loop_details", "use /v1/chat/completions", [.responses, .messages]),
        field("max_tokens", "use max_output_tokens", .responses),
        field("max_completion_tokens", "use max_output_tokens", .responses),
        field("max_completion_tokens", "use max_tokens", .messages),
        field("response_format", "use text.format", .responses),
        field("response_format", "use output_format", .messages),
        // State that a server would keep.
        field("previous_response_id", "the server keeps nothing; send all items in input", .responses),
        field("conversation", "the server keeps nothing; send all items in input", .responses),
        field("store", [.bool(false)], "the server keeps nothing; leave it out or give false", .responses),
        field("background", [.bool(false)], "the server keeps nothing; use stream", .responses),
        field("prompt", "the server keeps no prompts; use instructions and input", .responses),
        field("truncation", [.string("disabled")], "only disabled is supported", .responses),
        field("max_tool_calls", "the server has no tools of its own", .responses),
        field("context_management", "the server keeps nothing", [.responses, .messages]),
        field("container", "the server has no tools of its own", .messages),
        field("mcp_servers", "the server has no tools of its own", .messages),
    ]

    private static func field(
        _ name: String, _ harmless: [JSONValue] = [], _ reason: String, _ endpoints: Endpoints = .all,
        refusesFalse: Bool = false
    ) -> Field {
        // A list that begins with null takes nothing else as harmless.
        Field(
            name: name, harmless: refusesFalse ? [.null] + harmless : harmless, reason: reason, endpoints: endpoints)
    }

    private static func field(
        _ name: String, _ reason: String, _ endpoints: Endpoints = .all, refusesFalse: Bool = false
    ) -> Field { field(name, [], reason, endpoints, refusesFalse: refusesFalse) }

    /// Refuses the fields of the table.
    ///
    /// - Throws: `APIError` with status 400. It names the field.
    static func check(_ fields: RequestFields, _ endpoint: Endpoints, count: Int) throws {
        for field in all where field.endpoints.contains(endpoint) {
            try fields.refuse(
                field.name,
                unless: { field.accepts($0) || field.name == "best_of" && $0 == .int(count) }, field.reason)
        }
    }
}

extension RefusedFields.Field {
    private static let off: [JSONValue] = [.bool(false), .string(""), .array([]), .object([:])]

    fileprivate func accepts(_ value: JSONValue) -> Bool {
        let own = harmless.first == .null ? harmless : harmless + Self.off
        return own.contains { $0 == value || $0.equals(value) }
    }

    /// The harmless values as text.
    var harmlessText: String {
        harmless.filter { $0 != .null }.map { "`\($0.text)`" }.joined(separator: ", ")
    }
}

extension JSONValue {
    /// Whether two numbers have the same value: `1` and `1.0`.
    fileprivate func equals(_ other: JSONValue) -> Bool {
        func number(_ value: JSONValue) -> Double? {
            switch value {
            case .int(let whole): Double(whole)
            case .double(let real): real
            default: nil
            }
        }
        guard let own = number(self), let other = number(other) else { return false }
        return own == other
    }
}

extension RefusedFields {
    /// The table of the article on serving, in Markdown.
    static var markdown: String {
        let rows = all.map { field in
            "| `\(field.name)` | \(field.endpoints.text) | \(field.harmlessText) | \(field.reason) |"
        }
        return (["| field | endpoints | values that are ignored | what to do |", "| --- | --- | --- | --- |"] + rows)
            .joined(separator: "\n")
    }
}
