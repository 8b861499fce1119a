import Foundation
import Jinja

extension ChatTemplate {
    /// Reads the template of a model folder.
    ///
    /// The template is in the file `chat_template.jinja`, or in `chat_template` of `tokenizer_config.json`. That field
    /// is a string, or a list of `{name, template}` with one entry named `default`. A folder without a template gets
    /// ``chatML``. The special tokens in `tokenizer_config.json` become ``defaultArguments``.
    ///
    /// - Throws: ``OuroError`` with code `unreadableFile` if a file cannot be read, and with `invalidTemplate` if it is
    ///   malformed or too long. The error names the file and the field or line.
    public static func load(fromModelFolder url: URL) throws(OuroError) -> ChatTemplate {
        let configurationURL = url.appendingPathComponent("tokenizer_config.json")
        let configuration = try readConfiguration(configurationURL)
        var template = try read(folder: url, configuration, configurationURL.path) ?? chatML
        template.defaultArguments = specialTokens(of: configuration)
        return template
    }

    private static func read(
        folder: URL, _ configuration: JSONValue?, _ configurationPath: String
    ) throws(OuroError) -> ChatTemplate? {
        let url = folder.appendingPathComponent("chat_template.jinja")
        if let data = try readFile(url, limit: Limits.sourceBytes) {
            guard let source = String(data: data, encoding: .utf8) else {
                throw OuroError(.invalidTemplate, file: url.path, "the file is not UTF-8 text")
            }
            return try ChatTemplate(source: source, file: url.path)
        }
        switch configuration?["chat_template"] {
        case nil, .null: return nil
        case .string(let source)?: return try ChatTemplate(source: source, file: configurationPath)
        case .array(let entries)?:
            for entry in entries where entry["name"] == .string("default") {
                if case .string(let source)? = entry["template"] {
                    return try ChatTemplate(source: source, file: configurationPath)
                }
            }
            throw OuroError(
                .invalidTemplate, file: configurationPath, field: "chat_template",
                "the list has no entry with the name 'default' and a template")
        case let value?:
            throw OuroError(
                .invalidTemplate, file: configurationPath, field: "chat_template",
                "expected a string or a list of named templates, found \(value.typeName)")
        }
    }

    private static func readConfiguration(_ url: URL) throws(OuroError) -> JSONValue? {
        guard let data = try readFile(url, limit: 64 << 20) else { return nil }
        return try JSONValue(parsing: data, file: url.path, code: .invalidTemplate, limits: .pythonFile)
    }

    /// The bytes of a file; nil if the file does not exist.
    private static func readFile(_ url: URL, limit: Int) throws(OuroError) -> Data? {
        guard FileManager.default.fileExists(atPath: url.path) else { return nil }
        return try LimitedFile.read(url, limit: limit, code: .invalidTemplate)
    }

    /// The members whose names end in `_token`. A member is a string, or an object that has the string as `content`.
    private static func specialTokens(of configuration: JSONValue?) -> JSONObject {
        guard case .object(let members)? = configuration else { return [:] }
        var tokens: JSONObject = [:]
        for (name, value) in members where name.utf8.suffix(6).elementsEqual("_token".utf8) {
            if case .string = value { tokens[name] = value }
            if case .string? = value["content"] { tokens[name] = value["content"] }
        }
        return tokens
    }
}
