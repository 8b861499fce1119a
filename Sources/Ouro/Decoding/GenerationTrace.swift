/// Every row that a generation ran after its prompt, in the order of passes: a picture of the wavefront.
public struct GenerationTrace: Sendable, Equatable {
    /// Why a row ran.
    public enum Kind: String, Sendable {
        /// On a final token.
        case decode
        /// On a guessed token.
        case draft
        /// For the sake of later tokens' keys and values: its own token was out already.
        case filler
    }

    public struct Row: Sendable, Equatable {
        /// From 1.
        public let pass: Int
        public let position: Int
        /// From 1.
        public let loop: Int
        public let kind: Kind
        /// Whether it turned out to stand on a wrong guess.
        public internal(set) var isDropped = false
    }

    public internal(set) var rows: [Row] = []
}
