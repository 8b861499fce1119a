import Jinja

/// The chat template of a model. It turns a conversation into the prompt format that the model was trained on.
///
/// Chat templates are written in the Jinja language. The `Jinja` module of this package implements the part of the
/// language that they use, with the settings of Transformers. Anything else is an error that names it. If possible, the
/// error is thrown when the template is read. The members of objects in arguments keep their order.
///
/// Templates come with downloaded models and are not trusted. They can access only their arguments and the clock. Their
/// steps, output, nesting and sizes are limited.
public struct ChatTemplate: Sendable {
    /// The text of the template.
    public var source: String { template.source }
    /// The path of the template's file, for errors. Nil if it was not read from a file.
    public let file: String?
    /// Arguments that apply unless a request sets them: the special tokens (`bos_token` ...) in the model folder's
    /// `tokenizer_config.json`.
    public var defaultArguments: JSONObject = [:]
    private let template: Template

    /// Reads a template.
    ///
    /// - Parameters:
    ///   - source: the text of the template.
    ///   - file: the path of its file, for errors.
    /// - Throws: ``OuroError`` with code `invalidTemplate` and a line number if the template is malformed or uses an
    ///   unsupported feature.
    public init(source: String, file: String? = nil) throws(OuroError) {
        do { template = try Template(source) } catch { throw OuroError(error, file: file) }
        self.file = file
    }

    /// The template of models without one: the published default of the Ouro models.
    ///
    /// If the argument `enable_thinking` is true, the answer begins with `<think>`.
    public static let chatML: ChatTemplate = {
        do throws(OuroError) {
            return try ChatTemplate(source: chatMLSource)
        } catch {
            preconditionFailure("the library's own chat template cannot be read: \(error)")
        }
    }()

    private static let chatMLSource = """
        {%- for message in messages -%}
            {{- '<|im_start|>' + message['role'] + '\\n' + message['content'] + '<|im_end|>\\n' -}}
        {%- endfor -%}
        {%- if add_generation_prompt -%}
            {{- '<|im_start|>assistant\\n' -}}
            {%- if enable_thinking is defined and enable_thinking -%}
                {{- '<think>\\n' -}}
            {%- endif -%}
        {%- endif -%}
        """

    /// Renders a conversation as a prompt.
    ///
    /// - Parameters:
    ///   - messages: the conversation, at least one message.
    ///   - addGenerationPrompt: whether the prompt ends with the beginning of the assistant's answer.
    ///   - arguments: further variables of the template: `enable_thinking`, `bos_token`, `tools` and others. They
    ///     replace those of the same name in ``defaultArguments``. As in Transformers, `tools` and `documents` are none
    ///     by default.
    /// - Returns: the text of the prompt, with special tokens in their spelling.
    /// - Throws: ``OuroError``. The code is `invalidRequest` if there are no messages, or if the arguments are too
    ///   large or too deeply nested. The code is `invalidTemplate`, with a line number, if the template fails, exceeds
    ///   a limit, or calls `raise_exception`.
    public func render(
        messages: [ChatMessage], addGenerationPrompt: Bool = true, arguments: JSONObject = [:]
    ) throws(OuroError) -> String {
        guard !messages.isEmpty else {
            throw OuroError(.invalidRequest, field: "messages", "a conversation needs at least one message")
        }
        var context: [String: Value] = [:]
        do {
            for (name, argument) in defaultArguments.merging(arguments) {
                context[name] = try Value(argument)
            }
        } catch {
            throw OuroError(.invalidRequest, field: "arguments", error.message)
        }
        context["add_generation_prompt"] = .bool(addGenerationPrompt)
        for name in ["tools", "documents"] where context[name] == nil { context[name] = Value.none }
        do {
            context["messages"] = try Value(messages)
            return try template.render(context)
        } catch {
            throw OuroError(error, file: file)
        }
    }
}
