import Jinja

/// A model's chat template: the text that turns a conversation into the prompt the model was trained on.
///
/// Chat templates are written in the Jinja language. The `Jinja` module of this package runs the part of the language
/// that they use, with the settings of Transformers; anything else is an error that names it, raised when the template
/// is read where that is possible. Objects among the arguments have no order, so their members come sorted by key.
///
/// Templates arrive with downloaded models and are not trusted. They reach nothing but their arguments and the clock,
/// and their steps, output, nesting and sizes are limited.
public struct ChatTemplate: Sendable {
    /// The template's text.
    public var source: String { template.source }
    /// The file it comes from, for errors; nil if it comes from none.
    public let file: String?
    /// Arguments that the template finds unless a request gives others: the special tokens (`bos_token` ...) of the model
    /// folder's `tokenizer_config.json`.
    public var defaultArguments: [String: JSONValue] = [:]
    private let template: Template

    /// Reads a template.
    ///
    /// - Throws: ``OuroError`` with code `invalidTemplate` and the line of what is malformed or outside of the supported
    ///   part of the language.
    public init(source: String, file: String? = nil) throws(OuroError) {
        do { template = try Template(source) } catch { throw OuroError(error, file: file) }
        self.file = file
    }

    /// The template of a model that brings none: the published default of the Ouro models.
    ///
    /// With the argument `enable_thinking` true, the answer begins with `<think>`.
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

    /// Makes the prompt of a conversation.
    ///
    /// - Parameters:
    ///   - messages: The conversation so far, at least one message.
    ///   - addGenerationPrompt: Whether the prompt ends with the beginning of the assistant's answer.
    ///   - arguments: What else the template may use: `enable_thinking`, `bos_token`, `tools` ... An argument replaces the
    ///     one of the same name in ``defaultArguments``. As in Transformers, `tools` and `documents` are none unless given.
    /// - Returns: The prompt's text, in which special tokens are written out.
    /// - Throws: ``OuroError`` with code `invalidRequest` if there are no messages or if the arguments nest too deeply or
    ///   are too large; with code `invalidTemplate`, and the line, if the template fails, exceeds its limits, or rejects the
    ///   conversation by `raise_exception`.
    public func render(
        messages: [ChatMessage], addGenerationPrompt: Bool = true, arguments: [String: JSONValue] = [:]
    ) throws(OuroError) -> String {
        guard !messages.isEmpty else {
            throw OuroError(.invalidRequest, field: "messages", "a conversation needs at least one message")
        }
        var context: [String: Value] = [:]
        do {
            for (name, argument) in defaultArguments.merging(arguments, uniquingKeysWith: { $1 }) {
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
