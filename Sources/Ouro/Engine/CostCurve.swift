/// What a pass costs by its number of rows, measured on the model at hand.
///
/// Reading weights dominates a pass with few rows, so up to some number further rows are nearly free; where that ends
/// depends on the machine, the shape and the weights' type.
struct CostCurve {
    /// Rows and seconds, a few numbers of rows each.
    let points: [(rows: Int, seconds: Double)]

    /// A row counts as free while the pass takes at most this much longer than with one row.
    private static let tolerance = 1.5

    /// The rows of a wavefront pay if together they take at most this share of what they take one after the other.
    private static let worthwhile = 0.75

    /// Every number of rows is measured on so many layers, and then again until this many seconds are over. The fastest
    /// counts: others may use the machine too, and a thread that is held up takes many times as long as a small layer.
    private static let layers = 3
    private static let seconds = 0.002

    /// Measures the products of a layer; takes a few hundredths of a second, up to a billion parameters.
    ///
    /// An engine measures once, when it is loaded, and keeps the result: neither the machine nor the model changes.
    init(measuring model: LoopedTransformer) {
        // Weights of a mapped file come from the disk the first time: without this, one row would seem dear and all
        // further ones free.
        for layer in 0..<Self.layers { model.multiplyLayer(layer, rows: 1) }
        points = [1, 2, 4, 8, 12, 16, 24, 32].map { rows in
            var (fastest, total, layer) = (Double.infinity, 0.0, 0)
            while layer < Self.layers || total < Self.seconds {
                let seconds = MachineLimits.time { model.multiplyLayer(layer, rows: rows) }
                fastest = min(fastest, seconds)
                total += seconds
                layer += 1
            }
            return (rows, fastest)
        }
    }

    init(points: [(rows: Int, seconds: Double)]) { self.points = points }

    /// The largest number of rows on the flat part of the curve. More rows never take less time: where they seem to, fewer
    /// rows were held up.
    private var flatRows: Int {
        guard let least = points.map(\.seconds).min() else { return 1 }
        return points.last { $0.seconds <= least * Self.tolerance }?.rows ?? 1
    }

    /// Rows up to which a pass may be filled up with guesses: those on the flat part, and in any case one for every loop of a
    /// request, which is what its wavefront needs, unless these together take nearly as long as one after the other.
    ///
    /// Then the curve of a model in the processor's caches is steep, but a guess is right far more often than not: with four
    /// rows where the curve is flat up to one, the default model makes 1.4 times as many tokens per second.
    func freeRows(loops: Int) -> Int {
        guard let least = points.map(\.seconds).min(), let wave = points.first(where: { $0.rows >= loops }),
            wave.seconds <= least * Double(loops) * Self.worthwhile
        else { return flatRows }
        return max(flatRows, loops)
    }
}
