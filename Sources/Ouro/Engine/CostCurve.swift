/// What a pass costs by its number of rows, measured on the model at hand.
///
/// Reading weights dominates a pass with few rows, so up to some number further rows are nearly free; where that ends
/// depends on the machine, the shape and the weights' type.
struct CostCurve {
    /// Rows and seconds, a few numbers of rows each.
    let points: [(rows: Int, seconds: Double)]

    /// A row counts as free while the pass takes at most this much longer than with one row.
    private static let tolerance = 1.5

    /// Layers that are measured; the fastest counts, because others may use the machine too.
    private static let layers = 3

    /// Measures the products of a layer; takes a few hundredths of a second for a model of a billion parameters.
    ///
    /// An engine measures once, when it is loaded, and keeps the result: neither the machine nor the model changes.
    init(measuring model: LoopedTransformer) {
        // Weights of a mapped file come from the disk the first time: without this, one row would seem dear and all
        // further ones free.
        for layer in 0..<Self.layers { model.multiplyLayer(layer, rows: 1) }
        points = [1, 2, 4, 8, 12, 16, 24, 32].map { rows in
            (
                rows,
                (0..<Self.layers).map { layer in MachineLimits.time { model.multiplyLayer(layer, rows: rows) } }.min()
                    ?? 0
            )
        }
    }

    init(points: [(rows: Int, seconds: Double)]) { self.points = points }

    /// The largest number of rows on the flat part of the curve.
    var freeRows: Int {
        guard let one = points.first else { return 1 }
        return points.prefix { $0.seconds <= one.seconds * Self.tolerance }.last?.rows ?? 1
    }
}
