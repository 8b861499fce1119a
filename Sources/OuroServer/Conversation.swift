import Ouro
import OuroConstraints

/// What a client wants to be answered. Every chat endpoint reads its request into this.
struct Conversation: Sendable {
    var messages: [ChatMessage]
    /// Further variables of the chat template.
    var arguments: JSONObject = [:]
    var tools = ToolSet()
    var thinking = Thinking()
    /// Most tokens of the answer. Nil takes the room that is left.
    var maxTokens: Int?
    var sampling: SamplingFields
}

/// A conversation that is ready to run: the prompt, the checked requests, and how their tokens are read.
struct ChatRun: Sendable {
    let prompt: ChatPrompt
    let choices: [Choice]
    /// The parser at the beginning of an answer. Every choice has its own copy.
    let parser: AnswerParser

    /// - Parameters:
    ///   - alternatives: the number of alternatives for each token.
    /// - Throws: `APIError` with status 400. It names the field.
    init(_ conversation: Conversation, service: GenerationService, alternatives: Int = 0) throws {
        let engine = service.engine
        let sampling = conversation.sampling
        let tools = conversation.tools
        let format = ToolFormat(
            template: engine.chatTemplate, tokenizer: engine.tokenizer, arguments: conversation.arguments)
        let prompt = try service.prompt(of: conversation, format: format)
        let marks = sampling.showsSpecialTokens ? nil : ReasoningParts.Marks(engine.tokenizer)
        let thoughts = marks.map {
            AnswerConstraint.Thoughts(
                marks: $0, beginsOpen: prompt.opensThought, mayOpen: conversation.thinking.isOn == true,
                budget: conversation.thinking.budget)
        }
        let parts = try service.constraintParts(
            sampling.responseFormat, at: sampling.formatPlace, tools: tools, format: format, thoughts: thoughts)

        var sections = AnswerSections()
        sections.thoughtMarks = marks
        sections.beginsInThought = marks != nil && prompt.opensThought
        if tools.isActive {
            sections.callMark = format.callMark
            sections.hasOnlyCalls = tools.isRequired
        }
        let room = engine.room(after: prompt.tokens.count, loops: sampling.loops)
        let maxTokens = conversation.maxTokens ?? max(1, room)
        choices = try (0..<sampling.count).map { sample in
            var request = sampling.request(
                prompt.tokens, sample: sample, maxTokens: maxTokens, alternatives: alternatives,
                constraint: parts?.make())
            request.sections = sections
            return Choice(index: sample, request: try engine.prepare(request))
        }
        self.prompt = prompt
        parser = AnswerParser(
            reasoning: sampling.showsSpecialTokens
                ? nil : ReasoningParts(tokenizer: engine.tokenizer, beginsOpen: prompt.opensThought),
            showsReasoning: conversation.thinking.isShown,
            calls: tools.isActive
                ? ToolCallParser(format: format, tools: tools.callable, isRequired: tools.isRequired) : nil)
    }
}

extension GenerationService {
    /// The prompt of a conversation.
    ///
    /// - Parameters:
    ///   - format: the form of the model's calls. Nil chooses it.
    ///   - addGenerationPrompt: whether the prompt ends with the beginning of the answer.
    /// - Throws: `APIError` with status 400.
    func prompt(
        of conversation: Conversation, format: ToolFormat? = nil, addGenerationPrompt: Bool = true
    ) throws -> ChatPrompt {
        let format =
            format
            ?? ToolFormat(template: engine.chatTemplate, tokenizer: engine.tokenizer, arguments: conversation.arguments)
        var messages = conversation.messages
        var arguments = conversation.arguments
        conversation.thinking.set(in: &arguments, template: engine.chatTemplate)
        format.describe(
            conversation.tools.isActive ? conversation.tools.tools : [], in: &messages, arguments: &arguments)
        do throws(OuroError) {
            var prompt = try engine.chatPrompt(
                messages, arguments: arguments, addGenerationPrompt: addGenerationPrompt)
            guard !prompt.tokens.isEmpty else {
                throw OuroError(.invalidRequest, field: "messages", "the chat template renders an empty prompt")
            }
            prompt.tokens = conversation.sampling.shortened(prompt.tokens)
            return prompt
        } catch {
            throw APIError(error)
        }
    }
}

/// Makes the constraint of every choice. The grammar is compiled once.
struct ConstraintParts: Sendable {
    let make: @Sendable () -> any TokenConstraint
}

extension GenerationService {
    /// The constraint of an answer: thoughts, a response format, and tool calls. Nil if nothing is restricted.
    ///
    /// - Throws: `APIError` with status 400 for a schema that cannot be compiled.
    func constraintParts(
        _ format: ResponseFormat, at place: (field: String, place: String)?, tools: ToolSet,
        format callFormat: ToolFormat, thoughts: AnswerConstraint.Thoughts?
    ) throws -> ConstraintParts? {
        let endTokens = engine.endOfTextTokens
        let text = try compiled(format, at: place)
        guard tools.isActive else {
            let body: @Sendable () -> AnswerConstraint.Body = {
                text.map { AnswerConstraint.Body.grammar($0.makeConstraint()) } ?? .free
            }
            guard AnswerConstraint.isNeeded(thoughts: thoughts, body: body()) else { return nil }
            return ConstraintParts { AnswerConstraint(thoughts: thoughts, body: body(), endTokens: endTokens) }
        }
        guard let calls else { throw APIError.badRequest("tools", "tools: the model has no tokenizer") }
        let grammar = ToolGrammar(format: callFormat, tools: tools.callable)
        let isParallel = tools.allowsSeveralCalls
        if let marks = callFormat.marks {
            guard text == nil else {
                throw APIError.badRequest(
                    "response_format", "response_format: this model cannot have it together with tools")
            }
            let compiled = try calls.compile(.body, of: grammar)
            let mark = CallBorder.Mark.tokens(
                opening: marks.opening, closing: marks.closing, newlines: calls.newlines)
            return ConstraintParts {
                let border = CallBorder(
                    mark: mark, isRequired: tools.isRequired, isParallel: isParallel, endTokens: endTokens,
                    tokenBytes: calls.bytes(of:), makeGrammar: { compiled.makeConstraint() })
                return AnswerConstraint(thoughts: thoughts, body: .calls(border), endTokens: endTokens)
            }
        }
        if tools.isRequired || text != nil {
            let part: ToolGrammar.Part
            if !tools.isRequired, let source = try? format.grammar() {
                part = .callsOr(source, isParallel: isParallel)
            } else {
                part = .calls(isParallel: isParallel)
            }
            let compiled = try calls.compile(part, of: grammar)
            return ConstraintParts {
                AnswerConstraint(thoughts: thoughts, body: .grammar(compiled.makeConstraint()), endTokens: endTokens)
            }
        }
        let compiled = try calls.compile(.afterMark(isParallel: isParallel), of: grammar)
        let mark: CallBorder.Mark =
            callFormat.style == .bare ? .leadingBrace(calls.braces) : .text(calls.scanner)
        return ConstraintParts {
            let border = CallBorder(
                mark: mark, isParallel: isParallel, endTokens: endTokens, tokenBytes: calls.bytes(of:),
                makeGrammar: { compiled.makeConstraint() })
            return AnswerConstraint(thoughts: thoughts, body: .calls(border), endTokens: endTokens)
        }
    }
}
