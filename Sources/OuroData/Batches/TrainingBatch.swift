/// The data of one training step: `rows` sequences of `length` positions.
///
/// The three arrays are [rows][length]. They are filled in place, so that a step allocates no memory.
public struct TrainingBatch: Sendable, Equatable {
    /// The target of a position that does not contribute to the loss.
    public static let noTarget: Int32 = -1

    /// Sequences.
    public var rows: Int
    /// Positions of a sequence.
    public var length: Int
    /// The token of every position, [rows][length].
    public var tokens: [Int32]
    /// The token to predict at every position, usually the next one, or `noTarget`. [rows][length].
    public var targets: [Int32]
    /// The first position of each position's document, counted within its row. [rows][length].
    ///
    /// Attention never goes before it. It is 0 if packing does not mask. It never decreases along a row, and it is at
    /// most the position itself.
    public var documentStart: [Int32]

    /// An empty batch.
    public init() {
        rows = 0
        length = 0
        tokens = []
        targets = []
        documentStart = []
    }

    /// Makes a batch of zero tokens without targets.
    ///
    /// - Parameters:
    ///   - rows: the number of sequences.
    ///   - length: positions of a sequence.
    public init(rows: Int, length: Int) {
        self.init()
        reshape(rows: rows, length: length)
    }

    /// Changes the shape, and sets all tokens to zero and all targets to `noTarget`. The memory is reused if it is
    /// large enough.
    ///
    /// - Parameters:
    ///   - rows: the number of sequences.
    ///   - length: positions of a sequence.
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
