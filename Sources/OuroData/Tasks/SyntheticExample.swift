/// The two disjoint parts of a task's examples.
public enum DataSplit: String, Sendable, CaseIterable {
    /// Examples for training.
    case train
    /// Examples for testing: one in eight, chosen by a hash of the example. Training never uses them.
    case test
}

/// One example of a task: a question with its answer.
public struct SyntheticExample: Sendable, Equatable {
    /// The question.
    public let prompt: String
    /// The answer. If the prompt ends with a word, it starts with a space. It has no end marker: the prompt determines
    /// its length, or it ends with a full stop.
    public let completion: String
    /// The difficulty, one of the task's levels.
    public let level: Int
    /// More questions about the same prompt, for training. Empty in the test split.
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

    /// Makes an example. By default it has no follow-up questions.
    public init(prompt: String, completion: String, level: Int, followUps: [Question] = []) {
        self.prompt = prompt
        self.completion = completion
        self.level = level
        self.followUps = followUps
    }
}
