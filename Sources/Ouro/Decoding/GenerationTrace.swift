/// All rows of a generation after its prompt, in the order of passes. They show the course of the wavefront.
public struct GenerationTrace: Sendable, Equatable {
    /// The purpose of a row.
    public enum Kind: String, Sendable {
        /// A row on a final token.
        case decode
        /// A row on a guessed token.
        case draft
        /// A row that has predicted its next token already. It completes the keys and values for later tokens.
        case filler
    }

    /// One row.
    public struct Row: Sendable, Equatable {
        /// The pass, counted from 1.
        public let pass: Int
        /// The position in the sequence, counted from 0.
        public let position: Int
        /// The loop, counted from 1.
        public let loop: Int
        /// The purpose of the row.
        public let kind: Kind
        /// Whether the row was dropped because its guess was wrong.
        public internal(set) var isDropped = false
    }

    /// The rows, in the order of passes.
    public internal(set) var rows: [Row] = []
}
