/// What one step of training computes on: `rows` sequences of `length` positions, row after row.
///
/// The three arrays have `rows * length` elements. They are filled in place, so that a step allocates nothing.
public struct TrainingBatch: Sendable, Equatable {
    /// The target of a position without loss.
    public static let noTarget: Int32 = -1

    /// Sequences.
    public var rows: Int
    /// Positions of a sequence.
    public var length: Int
    /// Token at every position.
    public var tokens: [Int32]
    /// Token to be predicted at every position (usually the next one), or ``noTarget``.
    public var targets: [Int32]
    /// First position of the document that a position belongs to, counted in its row. Attention never crosses it; 0 where
    /// packing does not mask. Never falls along a row and is at most the position itself.
    public var documentStart: [Int32]

    /// An empty batch.
    public init() {
        rows = 0
        length = 0
        tokens = []
        targets = []
        documentStart = []
    }

    /// A batch of zero tokens without targets.
    public init(rows: Int, length: Int) {
        self.init()
        reshape(rows: rows, length: length)
    }

    /// Gives the batch a shape, with zero tokens and without targets. Keeps its memory if it is large enough.
    public mutating func reshape(rows: Int, length: Int) {
        self.rows = rows
        self.length = length
        let count = rows * length
        Self.reset(&tokens, to: 0, count: count)
        Self.reset(&targets, to: Self.noTarget, count: count)
        Self.reset(&documentStart, to: 0, count: count)
    }

    private static func reset(_ array: inout [Int32], to value: Int32, count: Int) {
        array.removeAll(keepingCapacity: true)
        array.append(contentsOf: repeatElement(value, count: count))
    }
}
