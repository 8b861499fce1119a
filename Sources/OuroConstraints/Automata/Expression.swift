/// A regular expression: a set of sequences of numbers. The numbers are Unicode scalars, or bytes.
indirect enum Expression: Sendable {
    /// The empty sequence.
    case empty
    /// One number of a set. An empty set has no sequences.
    case one(ScalarSet)
    case sequence([Expression])
    /// One of the expressions. Without expressions there are no sequences.
    case choice([Expression])
    /// An expression, `least` to `most` times. Nil stands for any number.
    case repeated(Expression, least: Int, most: Int?)
    /// The start and the end of the whole sequence. They match no number.
    case start
    case end

    static func range(_ first: UInt32, _ last: UInt32) -> Expression {
        first <= last ? .one(ScalarSet([first...last])) : .choice([])
    }

    /// The scalars of a text, one after the other.
    static func text(_ text: String) -> Expression {
        .sequence(text.unicodeScalars.map { .one(ScalarSet([$0])) })
    }

    func optional() -> Expression { .repeated(self, least: 0, most: 1) }
}
