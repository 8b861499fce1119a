import Ouro

/// One block of an answer: thoughts, text, or a call.
enum AnswerBlock: Sendable, Equatable {
    case reasoning(String)
    case text(String)
    case call(AnsweredCall)
}

/// What happens to the blocks of an answer, in order. Only the last block can be open.
enum BlockStep: Sendable, Equatable {
    case open(Int)
    case delta(Int, String)
    case close(Int)
}

/// The blocks of an answer while its events arrive.
struct AnswerBlocks: Sendable {
    private(set) var blocks: [AnswerBlock] = []
    private var isOpen = false

    /// Adds an event. `step` is called after every change of the blocks.
    mutating func add(_ event: AnswerEvent, _ step: (AnswerBlocks, BlockStep) -> Void) {
        let last = blocks.count - 1
        switch (event, isOpen ? blocks.last : nil) {
        case (.reasoning(let more), .reasoning(let text)?): blocks[last] = .reasoning(text + more)
        case (.text(let more), .text(let text)?): blocks[last] = .text(text + more)
        case (.arguments(_, let more), .call(var call)?):
            call.arguments += more
            blocks[last] = .call(call)
        case (.reasoning(let more), _): open(.reasoning(more), step)
        case (.text(let more), _): open(.text(more), step)
        case (.callStart(_, let id, let name), _): return open(.call(AnsweredCall(id: id, name: name)), step)
        case (.arguments, _): return
        }
        switch event {
        case .reasoning(let more), .text(let more), .arguments(_, let more): step(self, .delta(blocks.count - 1, more))
        case .callStart: break
        }
    }

    /// Ends the answer. An answer has a text or a call, even if the text is empty.
    mutating func finish(_ step: (AnswerBlocks, BlockStep) -> Void) {
        let hasAnswer = blocks.contains { if case .reasoning = $0 { false } else { true } }
        if !hasAnswer { open(.text(""), step) }
        close(step)
    }

    private mutating func open(_ block: AnswerBlock, _ step: (AnswerBlocks, BlockStep) -> Void) {
        close(step)
        blocks.append(block)
        isOpen = true
        step(self, .open(blocks.count - 1))
    }

    private mutating func close(_ step: (AnswerBlocks, BlockStep) -> Void) {
        guard isOpen else { return }
        isOpen = false
        step(self, .close(blocks.count - 1))
    }
}

/// The answer to a conversation with one choice, as far as it has come.
struct AnswerProgress: Sendable {
    var parser: AnswerParser
    var blocks = AnswerBlocks()
    var last: GeneratedToken?

    init(parser: AnswerParser) { self.parser = parser }

    /// Adds a token. `step` is called after every change of the blocks.
    mutating func add(_ token: GeneratedToken, _ step: (AnswerBlocks, BlockStep) -> Void = { _, _ in }) {
        for event in parser.take(token) { blocks.add(event, step) }
        last = token
    }

    /// The progress after all tokens of a choice.
    static func whole(_ tokens: [GeneratedToken], parser: AnswerParser) -> AnswerProgress {
        var progress = AnswerProgress(parser: parser)
        for token in tokens { progress.add(token) }
        progress.blocks.finish { _, _ in }
        return progress
    }
}
