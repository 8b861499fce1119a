import Ouro

/// The random number generator of the data generators.
///
/// A seed must always give the same data. The standard library's random functions may change between versions, so they
/// are not used.
public struct DataRandom: Sendable {
    private var generator: SplitMix64

    package init(_ state: UInt64) { generator = SplitMix64(state: state) }

    package mutating func next() -> UInt64 { generator.next() }

    /// A random number in `0..<count`. Its bias is below `count` / 2^64.
    package mutating func below(_ count: Int) -> Int {
        Int(truncatingIfNeeded: next().multipliedFullWidth(by: UInt64(max(count, 1))).high)
    }

    /// A random number in a closed range.
    package mutating func within(_ range: ClosedRange<Int>) -> Int { range.lowerBound + below(range.count) }

    /// A random element of an array that is not empty.
    package mutating func pick<Element>(_ elements: [Element]) -> Element { elements[below(elements.count)] }

    /// Shuffles an array in place.
    package mutating func shuffle<Element>(_ elements: inout [Element]) {
        for index in elements.indices.dropFirst().reversed() { elements.swapAt(index, below(index + 1)) }
    }

    /// `count` random elements, in random order and without repetition.
    package mutating func sample<Element>(_ count: Int, of elements: [Element]) -> [Element] {
        var shuffled = elements
        shuffle(&shuffled)
        return Array(shuffled.prefix(count))
    }
}
