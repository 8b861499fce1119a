/// Reads the small parts of a `tokenizer.json`. Rejects every part that would give other tokens than the reference
/// implementation.
struct TokenizerComponents {
    private(set) var preTokenizer = PreTokenizer()
    /// Whether decoding turns pieces into bytes. If not, it joins pieces with spaces.
    private(set) var hasByteLevelDecoder = false

    init(_ content: TokenizerFile) throws(OuroError) {
        let fields = content.fields
        if let version = try fields.string("version"), version != "1.0" {
            throw unsupported(fields, "version", "found \(JSONValue.quote(version)), expected '1.0'")
        }
        try check(content.model)
        for name in ["truncation", "padding", "normalizer"] { try refuse(name, in: fields) }
        if let step = try fields.object("pre_tokenizer") { try readPreTokenizer(step) }
        if let step = try fields.object("post_processor") { try checkPostProcessor(step) }
        if let decoder = try fields.object("decoder") {
            let name = try type(of: decoder)
            guard name == "ByteLevel" else {
                throw unsupported(decoder, "", "found \(JSONValue.quote(name)), expected ByteLevel")
            }
            hasByteLevelDecoder = true
        }
    }

    private func check(_ model: TokenizerFile.Model) throws(OuroError) {
        let fields = model.fields
        guard model.type == nil || model.type == "BPE" else {
            throw unsupported(fields, "type", "found \(JSONValue.quote(model.type ?? "")), expected BPE")
        }
        if fields.has("dropout"), fields["dropout"]?.number != 0 {
            throw unsupported(fields, "dropout", "randomly dropped merges are not supported; expected null")
        }
        guard !fields.has("unk_token") else {
            throw unsupported(
                fields, "unk_token", "a token for unknown characters is not supported; expected null")
        }
        for name in ["continuing_subword_prefix", "end_of_word_suffix"] {
            if let value = try fields.string(name), !value.isEmpty {
                throw unsupported(fields, name, "found \(JSONValue.quote(value)), expected null or an empty string")
            }
        }
        guard try fields.flag("byte_fallback") != true else {
            throw unsupported(
                fields, "byte_fallback", "found true, expected false; a byte-level vocabulary has every byte")
        }
    }

    private func refuse(_ name: String, in fields: Fields) throws(OuroError) {
        guard let value = fields[name] else { return }
        let found = if case .string(let type)? = value["type"] { "found \(JSONValue.quote(type)), " } else { "" }
        throw unsupported(fields, name, "\(found)expected null; other values are not supported")
    }

    private mutating func readPreTokenizer(_ fields: Fields) throws(OuroError) {
        for step in try steps(of: fields, list: "pretokenizers") {
            guard preTokenizer.byteLevel == nil else {
                throw unsupported(step, "", "nothing can follow a ByteLevel step")
            }
            switch try type(of: step) {
            case "ByteLevel":
                preTokenizer.byteLevel = .init(
                    addsPrefixSpace: try step.required("add_prefix_space", step.flag("add_prefix_space")),
                    splitsWords: try step.flag("use_regex") ?? true)
            case "Digits":
                let individual = try step.required("individual_digits", step.flag("individual_digits"))
                if individual || preTokenizer.digits == .none { preTokenizer.digits = individual ? .individual : .runs }
            case let name:
                throw unsupported(
                    step, "", "found \(JSONValue.quote(name)), expected ByteLevel, Digits or a Sequence of them")
            }
        }
    }

    /// Accepts post-processors that add no tokens.
    private func checkPostProcessor(_ fields: Fields) throws(OuroError) {
        for step in try steps(of: fields, list: "processors") {
            switch try type(of: step) {
            case "ByteLevel": break
            case "TemplateProcessing":
                let items = try step.required("single", step.array("single"))
                for item in items where item["SpecialToken"] != nil {
                    throw unsupported(
                        step, "", "found a step that adds special tokens to every text, which is not supported")
                }
                guard items.count == 1, items[0]["Sequence"]?["id"] == .string("A") else {
                    throw unsupported(step, "", "expected a template that contains the text once and nothing else")
                }
            case let name:
                throw unsupported(step, "", "found \(JSONValue.quote(name)), expected ByteLevel or null")
            }
        }
    }

    /// The steps of a component, in order. A `Sequence` inside a `Sequence` is flattened. The reader of the file limits
    /// the nesting.
    private func steps(of fields: Fields, list: String) throws(OuroError) -> [Fields] {
        guard try type(of: fields) == "Sequence" else { return [fields] }
        var steps: [Fields] = []
        for inner in try fields.required(list, fields.objects(list)) { steps += try self.steps(of: inner, list: list) }
        return steps
    }

    private func type(of fields: Fields) throws(OuroError) -> String {
        try fields.required("type", fields.string("type"))
    }

    private func unsupported(_ fields: Fields, _ name: String, _ message: String) -> OuroError {
        fields.failure(name, code: .unsupported, message)
    }
}
