import Ouro

/// Random choices of the generators of data. A seed names the same data for good, so the choices are made here and not by the
/// standard library, whose results may change between versions.
struct DataRandom: Sendable {
    private var generator: SplitMix64

    init(_ state: UInt64) { generator = SplitMix64(state: state) }

    mutating func next() -> UInt64 { generator.next() }

    /// Uniform in `0..<count`, but for a part in 2^64 / `count`.
    mutating func below(_ count: Int) -> Int {
        Int(truncatingIfNeeded: next().multipliedFullWidth(by: UInt64(max(count, 1))).high)
    }

    mutating func within(_ range: ClosedRange<Int>) -> Int { range.lowerBound + below(range.count) }

    /// One of some values, of which there is at least one.
    mutating func pick<Element>(_ elements: [Element]) -> Element { elements[below(elements.count)] }

    mutating func shuffle<Element>(_ elements: inout [Element]) {
        for index in elements.indices.dropFirst().reversed() { elements.swapAt(index, below(index + 1)) }
    }

    /// Some of the elements, in random order.
    mutating func sample<Element>(_ count: Int, of elements: [Element]) -> [Element] {
        var shuffled = elements
        shuffle(&shuffled)
        return Array(shuffled.prefix(count))
    }
}
