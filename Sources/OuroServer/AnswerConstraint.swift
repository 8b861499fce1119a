import Ouro

/// Decides which tokens may follow in an answer with thoughts, text and tool calls.
///
/// Thoughts are free: the grammar begins after `</think>`. The end of thoughts is always allowed, and required when their
/// budget is used up. If a grammar follows, an end token cannot come inside thoughts, so that an answer that stops is
/// whole.
final class AnswerConstraint: TokenConstraint, @unchecked Sendable {
    /// The thoughts of an answer.
    struct Thoughts: Sendable {
        let marks: ReasoningParts.Marks
        /// Whether the answer begins with thoughts.
        var beginsOpen: Bool
        /// Whether an answer that begins without thoughts may open them before its grammar.
        var mayOpen: Bool
        /// Most tokens of thoughts. Nil sets no limit.
        var budget: Int?
    }

    /// What follows thoughts.
    enum Body: Sendable {
        /// Anything.
        case free
        /// The texts of a grammar.
        case grammar(any TokenConstraint)
        /// Text until tool calls begin, then a grammar.
        case calls(CallBorder)
    }

    private let thoughts: Thoughts?
    private let body: Body
    private let endTokens: Set<Int>

    /// - Parameters:
    ///   - thoughts: nil for a model without `<think>`.
    ///   - body: what follows the thoughts. A grammar in it belongs to this constraint alone.
    ///   - endTokens: the tokens that end a text.
    init(thoughts: Thoughts?, body: Body, endTokens: Set<Int>) {
        (self.thoughts, self.body, self.endTokens) = (thoughts, body, endTokens)
    }

    /// Whether the constraint restricts anything.
    static func isNeeded(thoughts: Thoughts?, body: Body) -> Bool {
        if case .free = body { thoughts?.budget != nil } else { true }
    }

    func allowTokens(after output: [Int], in mask: inout TokenMask) throws(OuroError) {
        let (isThinking, thoughtCount, start) = progress(output)
        let isUsedUp = thoughts?.budget.map { thoughtCount >= $0 } ?? false
        if isThinking, let thoughts {
            mask.setAll(!isUsedUp)
            mask[thoughts.marks.closing] = true
            if case .free = body { return }
            for token in endTokens { mask[token] = false }
            return
        }
        let answer = output[start...]
        switch body {
        case .free: mask.setAll(true)
        case .grammar(let grammar): try grammar.allowTokens(after: Array(answer), in: &mask)
        case .calls(let border): try border.allowTokens(after: answer, in: &mask)
        }
        guard let thoughts else { return }
        if case .free = body {
            if isUsedUp { mask[thoughts.marks.opening] = false }
            return
        }
        // Inside a grammar or beside calls, a mark would not be text. So thoughts come first or not at all.
        mask[thoughts.marks.opening] = !isUsedUp && mayOpen(output.count, start)
        mask[thoughts.marks.closing] = false
    }

    func prepare(after output: [Int]) {
        let (isThinking, _, start) = progress(output)
        if isThinking { return }
        if case .grammar(let grammar) = body { grammar.prepare(after: Array(output[start...])) }
    }

    /// Whether the next token is a thought, how many thoughts there are, and where the text begins.
    private func progress(_ output: [Int]) -> (isThinking: Bool, thoughts: Int, start: Int) {
        var isThinking = thoughts?.beginsOpen ?? false
        var thoughtCount = 0
        var start = 0
        // In free text the thoughts may begin again. A grammar has no special tokens, so there they may only come first.
        for (index, token) in output.enumerated() {
            if isThinking {
                thoughtCount += 1
                if token == thoughts?.marks.closing { (isThinking, start) = (false, index + 1) }
            } else if token == thoughts?.marks.opening, mayOpen(index, start) {
                isThinking = true
            }
        }
        return (isThinking, thoughtCount, start)
    }

    /// Whether thoughts may begin at an index of an answer whose text begins at `start`.
    private func mayOpen(_ index: Int, _ start: Int) -> Bool {
        switch body {
        case .free: true
        case .grammar, .calls: index == 0 && start == 0 && thoughts?.mayOpen == true && thoughts?.beginsOpen == false
        }
    }
}
