import Ouro

/// Documents made from examples of synthetic tasks. They are generated when they are needed.
package struct SyntheticDocuments: DocumentSequence {
    /// A task, the levels that are drawn from it, and its weight in the mixture.
    package struct Component: Sendable {
        /// The task.
        package var task: any SyntheticTask
        /// The levels to draw from, with equal probability.
        package var levels: [Int]
        /// Weight of the task, relative to the weights of the other components.
        package var weight: Double
        /// Whether an example is a conversation of a user's question and an assistant's answer.
        package var isChat: Bool

        /// Makes a component.
        ///
        /// - Parameters:
        ///   - task: the task.
        ///   - levels: the levels to draw from; nil for all levels of the task.
        ///   - weight: weight of the task, relative to the other components.
        ///   - isChat: whether an example is a conversation.
        package init(_ task: any SyntheticTask, levels: [Int]? = nil, weight: Double = 1, isChat: Bool = false) {
            self.isChat = isChat
            self.task = task
            self.levels = levels ?? Array(task.levels)
            self.weight = weight
        }
    }

    private let components: [Component]
    private let shares: MixtureShares
    private let encoder: DocumentEncoder
    private let seed: UInt64
    private let split: DataSplit

    /// Makes a sequence of examples.
    ///
    /// - Parameters:
    ///   - components: at least one task.
    ///   - encoder: encodes the examples.
    ///   - seed: the seed of the examples.
    ///   - split: the split that the examples come from.
    /// - Throws: `OuroError` with code `invalidRequest` for a level that a task does not have, or for invalid weights.
    package init(
        _ components: [Component], encoder: DocumentEncoder, seed: UInt64, split: DataSplit = .train
    ) throws(OuroError) {
        for component in components {
            guard !component.levels.isEmpty else {
                throw OuroError(.invalidRequest, field: "level", "the task '\(component.task.name)' has no level")
            }
            for level in component.levels {
                _ = try component.task.example(seed: seed, index: 0, level: level, split: split)
            }
        }
        shares = try MixtureShares(components.map(\.weight), seed: seed)
        self.components = components
        self.encoder = encoder
        self.seed = seed
        self.split = split
    }

    package func document(_ number: Int) throws(OuroError) -> TokenDocument {
        let component = components[shares.choice(number)]
        var random = DataRandom(StableHash.combine(seed, 0x1E7E1, UInt64(bitPattern: Int64(number))))
        let example = try component.task.example(
            seed: seed, index: number, level: random.pick(component.levels), split: split)
        guard component.isChat else {
            return encoder.document(example, learnsPrompt: component.task.learnsPrompt)
        }
        let messages = [
            ChatMessage(role: "user", content: example.prompt),
            ChatMessage(role: "assistant", content: example.completion.trimmingPrefix(" ").description),
        ]
        guard let document = try encoder.documents(messages: messages).first else {
            throw OuroError(
                .invalidTemplate, "the template cannot render a question with an answer; use another template")
        }
        return document
    }

    package var fingerprint: UInt64 {
        components.reduce(StableHash.combine(seed, split == .train ? 0 : 1, UInt64(encoder.endOfText))) {
            let levels = $1.levels.reduce($0) { StableHash.combine($0, UInt64($1)) }
            return StableHash.combine(levels, StableHash.of($1.task.name), $1.weight.bitPattern, $1.isChat ? 1 : 0)
        }
    }
}
