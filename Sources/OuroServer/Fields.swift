import Ouro

/// The fields that several endpoints share.
extension Field {
    private static let tokens = 1...RequestLimits.Request.tokens

    // Sampling.
    static let temperature = Field(
        "temperature", .number(RequestLimits.OpenAI.temperature), "the model's", "0 takes the most likely token")
    static let topP = Field(
        "top_p", .number(RequestLimits.OpenAI.topP), "the model's",
        "keeps the most likely tokens up to this probability")
    static let topK = Field(
        "top_k", .integer(-1...RequestLimits.topK.upperBound), "the model's",
        "keeps this many tokens; -1 and 0 keep all")
    static let minP = Field(
        "min_p", .number(RequestLimits.minP), "the model's", "keeps tokens above this share of the largest probability")
    static let repetitionPenalty = Field(
        "repetition_penalty", .number(RequestLimits.repetitionPenalty), "the model's", "above 1 avoids repetition")
    static let presencePenalty = Field(
        "presence_penalty", .number(RequestLimits.OpenAI.penalty), "0", "lowers tokens that have occurred")
    static let frequencyPenalty = Field(
        "frequency_penalty", .number(RequestLimits.OpenAI.penalty), "0", "lowers tokens for each occurrence")
    static let logitBias = Field(
        "logit_bias", .object, "none", "values from -100 to 100 that are added to the logits; the keys are token ids")
    static let seed = Field("seed", .integer(Int.min...Int.max), "random", "sample i has the seed plus i")
    static let n = Field("n", .integer(RequestLimits.OpenAI.samples), "1", "the number of answers")

    // Depth.
    static let loops = Field("loops", .integer(RequestLimits.loops), "the model's", "loops that may run")
    static let exitThreshold = Field(
        "exit_threshold", .number(RequestLimits.exitThreshold), "the model's",
        "a token exits when its cumulative exit probability reaches this")
    static let exitAt = Field(
        "exit_at", .integer(RequestLimits.loops), "none", "every token exits at this loop; excludes exit_threshold")
    static let kvPolicy = Field(
        "kv_policy", .word(KVPolicy.allCases.map(\.rawValue)), "the server's",
        "what is kept of keys and values after the prompt")
    static let wavefront = Field("wavefront", .flag, "true", "guess the next token after every loop")
    static let draftTokens = Field(
        "draft_tokens", .integer(RequestLimits.draftTokens), "0", "tokens proposed at a time by prompt lookup")
    static let loopDetails = Field("loop_details", .flag, "false", "report the depth of each token")

    // Length and ends.
    static let stop = Field(
        "stop", .texts(limit: RequestLimits.Request.stopStrings), "none", "texts that end the answer")
    static let stopTokenIDs = Field(
        "stop_token_ids", .integers(limit: RequestLimits.Request.stopTokens), "none", "tokens that end the answer")
    static let minTokens = Field(
        "min_tokens", .integer(0...RequestLimits.Request.tokens), "0", "least number of tokens")
    static let ignoreEOS = Field("ignore_eos", .flag, "false", "go on after an end-of-text token")
    static let truncatePromptTokens = Field(
        "truncate_prompt_tokens", .integer(tokens), "none", "keep only this many tokens at the end of the prompt")
    static let includeStop = Field(
        "include_stop_str_in_output", .flag, "false", "the text ends with the stop string that ended it")

    // The form of the answer.
    static let stream = Field("stream", .flag, "false", "send the answer in parts")
    static let skipSpecialTokens = Field(
        "skip_special_tokens", .flag, "true", "false shows special tokens, and takes thoughts as text")
    static let cacheSalt = Field(
        "cache_salt", .text, "none", "requests share cached pages only if they have the same salt")
    static let model = Field("model", .text, "the server's", "any name; the server has one model")
    static let streamOptions = Field("stream_options", .object, "none", "include_usage sends the counts at the end")
    static let returnTokenIDs = Field("return_token_ids", .flag, "false", "report the ids of all tokens")
    static let promptLogprobs = Field(
        "prompt_logprobs", .integer(RequestLimits.OpenAI.alternatives), "none",
        "report log-probabilities of the prompt, and of this many alternatives; not in streams")
    static let responseFormat = Field(
        "response_format", .object, "text", "the type text, json_object or json_schema")
    static let guidedJSON = Field("guided_json", .schema(.members([])), "none", "a JSON schema of the answer")
    static let guidedChoice = Field(
        "guided_choice", .texts(limit: 1024), "none", "a list of texts; the answer is one of them")
    static let structuredOutputs = Field(
        "structured_outputs", .object, "none", "one of json, choice, json_object, regex and grammar")
    static let guidedRegex = Field("guided_regex", .text, "none", "a regular expression that the whole answer matches")
    static let guidedGrammar = Field(
        "guided_grammar", .text, "none", "a grammar of the answer in llama.cpp's notation")

    // Thoughts and templates.
    static let reasoningEffort = Field(
        "reasoning_effort", .word(Thinking.efforts.map(\.name)), "the template decides",
        "whether the model thinks, and for how long")
    static let maxThinkingTokens = Field(
        "max_thinking_tokens", .integer(0...RequestLimits.Request.tokens), "no limit",
        "most tokens of thoughts; then they end")
    static let includeReasoning = Field(
        "include_reasoning", .flag, "true", "false leaves the thoughts out of the answer")
    static let chatTemplateArguments = Field(
        "chat_template_kwargs", .object, "none", "further variables of the chat template")

    // Tools.
    static let tools = Field(
        "tools", .objects(least: 0, limit: ToolSet.limit), "none", "functions that the model may call")
    static let toolChoice = Field(
        "tool_choice", .schema(.members([])), "auto", "none, auto, required, or an object that names a function")
    static let parallelToolCalls = Field(
        "parallel_tool_calls", .flag, "true", "whether one answer may have several calls")

    // Endpoints of their own.
    static let maxTokens = Field(
        "max_tokens", .integer(tokens), "the room that is left", "most tokens of the answer, thoughts included")
    static let maxCompletionTokens = Field(
        "max_completion_tokens", .integer(tokens), "the room that is left", "another name of max_tokens")
    static let completionTokens = Field(
        "max_tokens", .integer(0...RequestLimits.Request.tokens), "16", "most tokens; 0 needs echo")
    static let maxOutputTokens = Field(
        "max_output_tokens", .integer(tokens), "the room that is left", "most tokens of the answer, thoughts included")
    static let logprobsFlag = Field("logprobs", .flag, "false", "report log-probabilities")
    static let topLogprobs = Field(
        "top_logprobs", .integer(RequestLimits.OpenAI.alternatives), "0", "alternatives for each token; needs logprobs")
    static let logprobsCount = Field(
        "logprobs", .integer(RequestLimits.OpenAI.alternatives), "none",
        "report log-probabilities, and of this many alternatives")
    static let echo = Field("echo", .flag, "false", "the text begins with the prompt")
    static let addGenerationPrompt = Field(
        "add_generation_prompt", .flag, "true", "whether the prompt ends with the beginning of the answer")
    static let addSpecialTokens = Field(
        "add_special_tokens", .flag, "true", "no effect: no token is added at the beginning or end")
    static let parseSpecial = Field("parse_special", .flag, "true", "false takes special tokens as plain text")
    static let returnTokenTexts = Field("return_token_strs", .flag, "false", "report the spellings of the tokens")
}

/// The fields of each endpoint.
extension Field {
    private static let common: [Field] = [
        model, stream, temperature, topP, topK, minP, repetitionPenalty, presencePenalty, frequencyPenalty, logitBias,
        seed, stop, stopTokenIDs, minTokens, ignoreEOS, truncatePromptTokens, skipSpecialTokens, includeStop, cacheSalt,
        loops, exitThreshold, exitAt, kvPolicy, wavefront, draftTokens, guidedJSON, guidedChoice, guidedRegex,
        guidedGrammar, structuredOutputs,
    ]
    private static let openAI: [Field] = [
        n, streamOptions, loopDetails, returnTokenIDs, promptLogprobs, responseFormat,
    ]
    private static let thinking: [Field] = [reasoningEffort, maxThinkingTokens, includeReasoning]

    static let completions: [Field] =
        [
            Field(
                "prompt",
                .schema(
                    .object([
                        "oneOf": .array([
                            .object(["type": .string("string"), "minLength": .int(1)]),
                            .object(["type": .string("array"), "minItems": .int(1)]),
                        ])
                    ])), "a text, token ids, or a list of them", isRequired: true),
            completionTokens, echo, logprobsCount,
        ] + common + openAI

    static let chat: [Field] =
        [
            Field(
                "messages", .objects(least: 1, limit: RequestLimits.Request.messages),
                "the conversation: objects with role and content", isRequired: true),
            maxTokens, maxCompletionTokens, tools, toolChoice, parallelToolCalls, logprobsFlag, topLogprobs,
            chatTemplateArguments,
        ] + thinking + common + openAI

    static let responses: [Field] =
        [
            Field(
                "input",
                .schema(
                    .object([
                        "oneOf": .array([
                            .object(["type": .string("string")]),
                            .object(["type": .string("array"), "minItems": .int(1)]),
                        ])
                    ])), "a text, or a list of items", isRequired: true),
            Field("instructions", .text, "none", "the system message"), maxOutputTokens,
            Field("text", .object, "none", "format: text, json_object, or json_schema with a schema"),
            Field("reasoning", .object, "the template decides", "effort, as reasoning_effort"), tools, toolChoice,
            parallelToolCalls, chatTemplateArguments,
        ] + thinking + common

    private static let conversation: [Field] = [
        Field(
            "messages", .objects(least: 1, limit: RequestLimits.Request.messages),
            "the conversation: objects with role and content", isRequired: true),
        Field("system", .schema(.members([])), "none", "the system prompt: a text, or blocks of text"), tools,
        Field("tool_choice", .object, "auto", "the type auto, any, none, or tool with a name"),
        Field("thinking", .object, "disabled", "the type enabled with budget_tokens, adaptive, or disabled"),
        chatTemplateArguments,
    ]
    static let messages: [Field] =
        conversation + [
            maxTokens,
            Field(
                "stop_sequences", .texts(limit: RequestLimits.Request.stopStrings), "none", "texts that end the answer"),
            Field("output_format", .object, "text", "the type json_schema with a schema"),
        ] + common
    static let countTokens: [Field] = conversation

    static let tokenize: [Field] = [
        Field("prompt", .text, "the text; give it or messages"),
        Field(
            "messages", .objects(least: 1, limit: RequestLimits.Request.messages), "a conversation to render"),
        addSpecialTokens, parseSpecial, addGenerationPrompt, returnTokenTexts,
    ]
    static let detokenize: [Field] = [
        Field("tokens", .integers(limit: 1 << 22), "the ids of the tokens", isRequired: true)
    ]
}
