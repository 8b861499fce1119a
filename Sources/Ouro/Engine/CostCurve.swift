/// What a pass costs by its number of rows, measured on the device and model at hand.
///
/// Reading weights dominates a pass with few rows, so up to some number further rows are nearly free. Where that ends
/// depends on the machine, on the model's shape and on the type of its weights.
package struct CostCurve {
    /// Rows, and the seconds that the products of one layer take with them.
    package let points: [(rows: Int, seconds: Double)]

    /// Rows count as free while a layer takes at most this many times as long as with one row.
    private static let tolerance = 1.5

    /// A wavefront is worth its rows if a layer with one row for each loop takes at most this share of the time that the
    /// loops take one after the other.
    private static let worthwhile = 0.75

    /// Measures a device. This takes a few hundredths of a second, up to a billion parameters.
    ///
    /// An engine measures once, when it is loaded: neither the machine nor the model changes.
    package init(measuring device: any PassDevice) {
        // The first reading of a mapped file comes from the disk. Without this, one row would seem slow and all further
        // rows free.
        _ = device.seconds(rows: 1)
        points = [1, 2, 4, 8, 12, 16, 24, 32].map { ($0, device.seconds(rows: $0)) }
    }

    package init(points: [(rows: Int, seconds: Double)]) { self.points = points }

    /// The largest number of rows on the flat part of the curve. More rows never take less time. Where they seem to, the
    /// measurement with fewer rows was disturbed.
    private var flatRows: Int {
        guard let least = points.map(\.seconds).min() else { return 1 }
        return points.last { $0.seconds <= least * Self.tolerance }?.rows ?? 1
    }

    /// Rows up to which a pass may be filled with guesses: those on the flat part, and at least one for each loop if a
    /// wavefront is worth its rows.
    ///
    /// The curve of a model that fits in the processor's caches is steep, but most guesses are right. On the default model
    /// the curve is flat up to one row, and four rows still give 1.4 times the throughput.
    package func freeRows(loops: Int) -> Int {
        guard let least = points.map(\.seconds).min(), let wave = points.first(where: { $0.rows >= loops }),
            wave.seconds <= least * Double(loops) * Self.worthwhile
        else { return flatRows }
        return max(flatRows, loops)
    }
}
