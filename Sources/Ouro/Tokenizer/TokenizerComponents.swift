/// Reads the small parts of a `tokenizer.json`. Rejects every part that would give other tokens than the reference
/// implementation.
struct TokenizerComponents {
    private let file: String

    private(set) var preTokenizer = PreTokenizer()
    /// Whether decoding turns pieces into bytes. If not, it joins pieces with spaces.
    private(set) var hasByteLevelDecoder = false

    init(_ content: TokenizerFile, file: String) throws(OuroError) {
        self.file = file
        if let version = content.version, version != "1.0" {
            throw unsupported("version", "found \(TokenizerFile.quoted(version)), expected '1.0'")
        }
        try check(content.model)
        try refuse("truncation", content.truncation)
        try refuse("padding", content.padding)
        try refuse("normalizer", content.normalizer)
        try readPreTokenizer(content.pre_tokenizer)
        try checkPostProcessor(content.post_processor, "post_processor")
        if let decoder = content.decoder, decoder != .null {
            let name = try typeName(of: decoder, "decoder")
            guard name == "ByteLevel" else {
                throw unsupported("decoder", "found \(TokenizerFile.quoted(name)), expected ByteLevel")
            }
            hasByteLevelDecoder = true
        }
    }

    private func check(_ model: TokenizerFile.Model) throws(OuroError) {
        guard model.type == nil || model.type == "BPE" else {
            throw unsupported("model.type", "found \(TokenizerFile.quoted(model.type ?? "")), expected BPE")
        }
        switch model.dropout {
        case nil, .null, .int(0), .double(0): break
        default: throw unsupported("model.dropout", "randomly dropped merges are not supported; expected null")
        }
        guard model.unk_token == nil || model.unk_token == .null else {
            throw unsupported("model.unk_token", "a token for unknown characters is not supported; expected null")
        }
        for (name, value) in [
            ("continuing_subword_prefix", model.continuing_subword_prefix),
            ("end_of_word_suffix", model.end_of_word_suffix),
        ] {
            if let value, !value.isEmpty {
                throw unsupported(
                    "model.\(name)", "found \(TokenizerFile.quoted(value)), expected null or an empty string")
            }
        }
        guard model.byte_fallback != true else {
            throw unsupported(
                "model.byte_fallback", "found true, expected false; a byte-level vocabulary has every byte")
        }
    }

    private func refuse(_ field: String, _ value: JSONValue?) throws(OuroError) {
        guard let value, value != .null else { return }
        let name = if case .string(let type)? = value["type"] { "found \(TokenizerFile.quoted(type)), " } else { "" }
        throw unsupported(field, "\(name)expected null; other values are not supported")
    }

    private mutating func readPreTokenizer(_ value: JSONValue?) throws(OuroError) {
        guard let value, value != .null else { return }
        for (field, step) in try steps(of: value, "pre_tokenizer", list: "pretokenizers") {
            guard preTokenizer.byteLevel == nil else {
                throw unsupported(field, "nothing can follow a ByteLevel step")
            }
            switch try typeName(of: step, field) {
            case "ByteLevel":
                preTokenizer.byteLevel = .init(
                    addsPrefixSpace: try flag("add_prefix_space", of: step, field),
                    splitsWords: step["use_regex"] == nil ? true : try flag("use_regex", of: step, field))
            case "Digits":
                let individual = try flag("individual_digits", of: step, field)
                if individual || preTokenizer.digits == .none { preTokenizer.digits = individual ? .individual : .runs }
            case let name:
                throw unsupported(
                    field, "found \(TokenizerFile.quoted(name)), expected ByteLevel, Digits or a Sequence of them")
            }
        }
    }

    /// Accepts post-processors that add no tokens.
    private func checkPostProcessor(_ value: JSONValue?, _ field: String) throws(OuroError) {
        guard let value, value != .null else { return }
        for (field, step) in try steps(of: value, field, list: "processors") {
            switch try typeName(of: step, field) {
            case "ByteLevel": break
            case "TemplateProcessing":
                guard case .array(let items)? = step["single"] else {
                    throw invalid("\(field).single", "expected a list")
                }
                for item in items where item["SpecialToken"] != nil {
                    throw unsupported(
                        field, "found a step that adds special tokens to every text, which is not supported")
                }
                guard items.count == 1, items[0]["Sequence"]?["id"] == .string("A") else {
                    throw unsupported(field, "expected a template that contains the text once and nothing else")
                }
            case let name: throw unsupported(field, "found \(TokenizerFile.quoted(name)), expected ByteLevel or null")
            }
        }
    }

    /// The steps of a component, in order. A `Sequence` inside a `Sequence` is flattened. The reader of the file limits
    /// the nesting.
    private func steps(
        of value: JSONValue, _ field: String, list: String
    ) throws(OuroError) -> [(field: String, value: JSONValue)] {
        guard try typeName(of: value, field) == "Sequence" else { return [(field, value)] }
        guard case .array(let elements)? = value[list] else {
            throw invalid("\(field).\(list)", "expected a list, found \(value[list]?.typeName ?? "nothing")")
        }
        var steps: [(field: String, value: JSONValue)] = []
        for (index, element) in elements.enumerated() {
            steps += try self.steps(of: element, "\(field).\(list).\(index)", list: list)
        }
        return steps
    }

    private func typeName(of value: JSONValue, _ field: String) throws(OuroError) -> String {
        guard case .object = value else { throw invalid(field, "expected an object, found \(value.typeName)") }
        guard case .string(let name)? = value["type"] else {
            throw invalid("\(field).type", "expected a string, found \(value["type"]?.typeName ?? "nothing")")
        }
        return name
    }

    private func flag(_ name: String, of value: JSONValue, _ field: String) throws(OuroError) -> Bool {
        guard case .bool(let flag)? = value[name] else {
            throw invalid("\(field).\(name)", "expected true or false, found \(value[name]?.typeName ?? "nothing")")
        }
        return flag
    }

    private func invalid(_ field: String, _ message: String) -> OuroError {
        OuroError(.invalidTokenizer, file: file, field: field, message)
    }

    private func unsupported(_ field: String, _ message: String) -> OuroError {
        OuroError(.unsupported, file: file, field: field, message)
    }
}
