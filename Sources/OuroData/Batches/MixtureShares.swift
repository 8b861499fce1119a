import Ouro

/// Chooses the source of every row, in proportion to the weights. The choice is a pure function of the seed and the
/// row's number.
///
/// Row numbers walk around a circle in steps of the golden ratio. Each source owns an arc, and the walk visits every
/// arc in proportion to its length. After n rows, every share is exact to within a few rows. With random draws, the
/// error would grow with the square root of n.
struct MixtureShares: Sendable {
    private let ends: [Double]
    /// The last source with a positive weight. Rounding may leave its end slightly below 1.
    private let last: Int
    private let start: Double

    /// - Throws: `OuroError` with code `invalidRequest` if a weight is negative or not finite, or if no weight is
    ///   positive.
    init(_ weights: [Double], seed: UInt64) throws(OuroError) {
        if let bad = weights.first(where: { !($0 >= 0 && $0.isFinite) }) {
            throw OuroError(.invalidRequest, field: "weight", "expected a number from 0, found \(bad)")
        }
        let total = weights.reduce(0, +)
        guard total > 0, total.isFinite else {
            throw OuroError(.invalidRequest, field: "weight", "expected at least one weight above 0, found \(weights)")
        }
        last = weights.lastIndex { $0 > 0 } ?? 0
        ends = weights.reduce(into: []) { $0.append(($0.last ?? 0) + $1 / total) }
        start = Double(StableHash.combine(seed, 0x5A4E) >> 11) * 0x1p-53
    }

    /// Index of the source of a row.
    func choice(_ number: Int) -> Int {
        // Integer arithmetic loses no digits of large numbers. The increment is 2^64 divided by the golden ratio.
        let step = UInt64(bitPattern: Int64(number)) &* SplitMix64.increment
        var place = start + Double(step >> 11) * 0x1p-53
        if place >= 1 { place -= 1 }
        return ends.firstIndex { place < $0 } ?? last
    }
}
