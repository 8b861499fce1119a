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
    /// The level of difficulty.
    public let level: Int
    /// More questions about the same prompt, for training. Empty in the test split.
    public var followUps: [Question] = []

    /// A follow-up question with its answer.
    public struct Question: Sendable, Equatable {
        /// The question.
        public let prompt: String
        /// The answer.
        public let completion: String

        /// Makes a question.
        ///
        /// - Parameters:
        ///   - prompt: the question.
        ///   - completion: the answer.
        public init(prompt: String, completion: String) {
            self.prompt = prompt
            self.completion = completion
        }
    }
}
