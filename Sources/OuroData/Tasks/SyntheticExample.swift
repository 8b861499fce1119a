/// Which part of a task's instances an example comes from.
public enum DataSplit: String, Sendable, CaseIterable {
    /// What a model may be trained on.
    case train
    /// What it never sees: one instance in eight, chosen by a hash of the instance itself.
    case test
}

/// One question with its answer.
public struct SyntheticExample: Sendable, Equatable {
    /// The question.
    public let prompt: String
    /// The answer, with the space in front of it where the prompt ends with a word. Nothing ends it: the prompt says how
    /// long the answer is, or a full stop does.
    public let completion: String
    /// The difficulty, one of the task's levels.
    public let level: Int
    /// Further questions about the same prompt, with which training makes more of it; none in the test split.
    public var followUps: [Question] = []

    /// A further question about the same prompt.
    public struct Question: Sendable, Equatable {
        /// The question.
        public let prompt: String
        /// The answer.
        public let completion: String

        /// A question with its answer.
        public init(prompt: String, completion: String) {
            self.prompt = prompt
            self.completion = completion
        }
    }

    /// An example; one without further questions by default.
    public init(prompt: String, completion: String, level: Int, followUps: [Question] = []) {
        self.prompt = prompt
        self.completion = completion
        self.level = level
        self.followUps = followUps
    }
}
