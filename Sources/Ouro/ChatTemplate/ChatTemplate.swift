import Foundation

/// A model's chat template: the Jinja text that turns a conversation into the prompt the model was trained on.
///
/// This is an interpreter for the part of Jinja that chat templates use, with the settings of Transformers
/// (`trim_blocks`, `lstrip_blocks`, undefined names print as nothing, using a member of one is an error). Anything
/// else is refused by its name, when the template is read where that is possible:
///
/// - **Text**, `{{ }}`, `{% %}`, `{# #}`, `{% raw %}`, whitespace control with `-` and `+`.
/// - **Statements**: `for` (with `if`, `else`, several targets, `break`, `continue`, and `loop.index`, `index0`,
///   `revindex`, `revindex0`, `first`, `last`, `length`, `previtem`, `nextitem`, `cycle`), `if`/`elif`/`else`, `set`
///   (several targets, attributes of a namespace, blocks with filters), `macro` (outside of loops, without `caller`,
///   `varargs`, `kwargs`), `generation` (its tags are ignored).
/// - **Expressions**: strings, decimal numbers, lists, tuples, dictionaries, `true`, `false`, `none`; `+ - * / // % **`,
///   `~`, comparisons (also chained), `in`, `and`, `or`, `not`, `is`, `x if y else z`, members, subscripts, slices, calls.
/// - **Functions**: `range`, `namespace`, `dict`, `raise_exception`, `strftime_now` (`%d %m %Y %y %H %I %M %S %p %B %b
///   %A %a %F %T`, in English and local time).
/// - **Filters**: `abs capitalize count d default dictsort first float indent int items join last length list lower map
///   max min reject rejectattr replace reverse round safe select selectattr sort string sum title tojson trim unique
///   upper`.
/// - **Tests**: `boolean callable defined divisibleby eq equalto even false float ge greaterthan gt in integer iterable
///   le lessthan lower lt mapping ne none number odd sameas sequence string true undefined upper`.
/// - **Methods** of strings: `capitalize count endswith find isdigit join lower lstrip removeprefix removesuffix replace
///   rfind rsplit rstrip split splitlines startswith strip title upper`; of dictionaries: `get items keys values`; of
///   lists: `count index`. Nothing can be changed in place.
///
/// Differences from Jinja: lazy iterators (`map`, `select`, `items()`, `range` ...) are lists; integers have 64 bits and
/// an overflow is an error; names are ASCII; members of `JSONValue` objects have no order, so they come sorted by key.
///
/// Templates arrive with downloaded models and are not trusted: they can reach nothing but their arguments, and steps,
/// output, nesting and sizes are bounded.
public struct ChatTemplate: Sendable {
    /// The template's text.
    public let source: String
    /// The file it comes from, for errors.
    public let file: String?
    /// Arguments a template finds unless a request gives others: the special tokens (`bos_token` ...) of the model
    /// folder's `tokenizer_config.json`.
    public var defaultArguments: [String: JSONValue] = [:]
    private let statements: [TemplateStatement]

    /// Reads a template. Throws `invalidTemplate` with the line for anything malformed or outside the subset.
    public init(source: String, file: String? = nil) throws(OuroError) {
        guard source.utf8.count <= TemplateLimits.sourceBytes else {
            throw OuroError(
                .invalidTemplate, file: file, "the template is longer than \(TemplateLimits.sourceBytes) bytes")
        }
        var lexer = TemplateLexer(source: source)
        let tokens: [TemplateToken]
        do {
            tokens = try lexer.run()
        } catch {
            throw OuroError(.invalidTemplate, file: file, field: "line \(lexer.line)", error.message)
        }
        var parser = TemplateParser(tokens: tokens)
        do {
            statements = try parser.parse()
        } catch {
            throw OuroError(.invalidTemplate, file: file, field: "line \(parser.line)", error.message)
        }
        self.source = source
        self.file = file
    }

    /// The template of a model that brings none: the published default of the Ouro models.
    ///
    /// A true `enable_thinking` opens the answer with `<think>`.
    public static let chatML = ChatTemplate(trusted: chatMLSource)

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

    /// A template of this library's own, which its tests have read.
    private init(trusted source: String) {
        var lexer = TemplateLexer(source: source)
        var parser = TemplateParser(tokens: (try? lexer.run()) ?? [])
        statements = (try? parser.parse()) ?? []
        self.source = source
        file = nil
    }

    /// Makes the prompt of a conversation.
    ///
    /// - Parameters:
    ///   - messages: The conversation so far, at least one message.
    ///   - addGenerationPrompt: Whether the prompt ends with the beginning of the assistant's answer.
    ///   - arguments: What else the template may use: `enable_thinking`, `bos_token`, `tools` ... They win over
    ///     `defaultArguments`. As in Transformers, `tools` and `documents` are none unless given.
    public func render(
        messages: [ChatMessage], addGenerationPrompt: Bool = true, arguments: [String: JSONValue] = [:]
    ) throws(OuroError) -> String {
        guard !messages.isEmpty else {
            throw OuroError(.invalidRequest, field: "messages", "a conversation needs at least one message")
        }
        var values: [TemplateValue] = []
        for message in messages {
            // The order of keys shows when a template prints a message as a whole.
            var members = TemplateDictionary()
            do {
                try members.set(.string(message.role), for: .string("role"))
                try members.set(.string(message.content), for: .string("content"))
            } catch { throw failure(error, line: nil) }
            values.append(.dict(members))
        }
        var context = try convert(defaultArguments.merging(arguments) { $1 })
        do { context["messages"] = try .makeList(values) } catch { throw failure(error, line: nil) }
        context["add_generation_prompt"] = .bool(addGenerationPrompt)
        for name in ["tools", "documents"] where context[name] == nil { context[name] = TemplateValue.none }
        return try render(context)
    }

    /// Makes the prompt of a conversation whose messages have more members than role and content (tool calls ...).
    func render(
        messages: [JSONValue], addGenerationPrompt: Bool = true, arguments: [String: JSONValue] = [:]
    ) throws(OuroError) -> String {
        guard !messages.isEmpty else {
            throw OuroError(.invalidRequest, field: "messages", "a conversation needs at least one message")
        }
        var context = defaultArguments.merging(arguments) { $1 }
        context["messages"] = .array(messages)
        context["add_generation_prompt"] = .bool(addGenerationPrompt)
        for name in ["tools", "documents"] where context[name] == nil { context[name] = .null }
        return try render(context: context)
    }

    /// Runs the template with these variables and no others.
    func render(context: [String: JSONValue], now: Date = Date()) throws(OuroError) -> String {
        try render(convert(context), now: now)
    }

    private func render(_ context: [String: TemplateValue], now: Date = Date()) throws(OuroError) -> String {
        let evaluator = TemplateEvaluator(now: now)
        do {
            return try evaluator.run(statements, context: context)
        } catch {
            throw failure(error, line: evaluator.line)
        }
    }

    private func convert(_ context: [String: JSONValue]) throws(OuroError) -> [String: TemplateValue] {
        var values: [String: TemplateValue] = [:]
        do {
            for (name, value) in context { values[name] = try TemplateValue(value) }
        } catch {
            throw OuroError(.invalidRequest, field: "arguments", error.message)
        }
        return values
    }

    private func failure(_ error: TemplateFailure, line: Int?) -> OuroError {
        OuroError(.invalidTemplate, file: file, field: line.map { "line \($0)" }, error.message)
    }
}
