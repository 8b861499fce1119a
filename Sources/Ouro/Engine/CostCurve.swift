/// The time of a pass as a function of its number of rows, measured on the actual device and model.
///
/// A pass with few rows spends most of its time on reading weights, so further rows are nearly free up to some number.
/// That number depends on the machine, the shape of the model and the type of its weights.
package struct CostCurve {
    /// Numbers of rows, and the time in seconds that the products of one layer take with so many rows.
    package let points: [(rows: Int, seconds: Double)]

    /// Rows are free while a layer takes at most this many times as long as with one row.
    private static let tolerance = 1.5

    /// A wavefront is worthwhile under this condition: a layer with one row for each loop takes at most this share of
    /// the time that the loops take one after the other.
    private static let worthwhile = 0.75

    /// Measures a device. For models of up to a billion parameters, this takes less than 0.1 seconds.
    ///
    /// An engine measures once, when it loads the model.
    package init(measuring device: any PassDevice) {
        // The first access to a mapped file reads the disk. Without this call, the first row would seem slow and all
        // further rows free.
        _ = device.seconds(rows: 1)
        points = [1, 2, 4, 8, 12, 16, 24, 32].map { ($0, device.seconds(rows: $0)) }
    }

    /// Makes a curve from given points.
    package init(points: [(rows: Int, seconds: Double)]) { self.points = points }

    /// The largest number of rows on the flat part of the curve.
    ///
    /// More rows never take less time. Where the measurement says so, other processes disturbed the measurement with
    /// fewer rows.
    private var flatRows: Int {
        guard let least = points.map(\.seconds).min() else { return 1 }
        return points.last { $0.seconds <= least * Self.tolerance }?.rows ?? 1
    }

    /// The number of rows up to which guesses may fill a pass. It is the number of rows on the flat part of the curve,
    /// but at least one for each loop if a wavefront is worthwhile.
    ///
    /// A model that fits into the processor's caches has a steep curve, but most of its guesses are right. On the
    /// default model the curve is flat up to one row, and four rows still give 1.4 times the throughput.
    package func freeRows(loops: Int) -> Int {
        guard let least = points.map(\.seconds).min(), let wave = points.first(where: { $0.rows >= loops }),
            wave.seconds <= least * Double(loops) * Self.worthwhile
        else { return flatRows }
        return max(flatRows, loops)
    }
}
