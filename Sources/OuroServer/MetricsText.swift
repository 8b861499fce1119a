/// Counts of values by size.
struct Histogram {
    let bounds: [Double]
    var counts: [Int]
    var sum = 0.0

    init(_ bounds: [Double]) {
        self.bounds = bounds
        counts = Array(repeating: 0, count: bounds.count + 1)
    }

    mutating func add(_ value: Double) {
        counts[bounds.firstIndex { value <= $0 } ?? bounds.count] += 1
        sum += value
    }
}

/// Prometheus' text format. Every name has the prefix `ouro_` and the label `model_name`, except those of the process.
struct MetricsText {
    private let label: String
    private(set) var text = ""

    init(modelName: String) {
        let name = modelName.replacing("\\", with: "\\\\").replacing("\"", with: "\\\"").replacing("\n", with: " ")
        label = "model_name=\"\(name)\""
    }

    private mutating func head(_ name: String, _ help: String, _ type: String) {
        text += "# HELP ouro_\(name) \(help).\n# TYPE ouro_\(name) \(type)\n"
    }

    private mutating func line(_ name: String, _ labels: String, _ value: String) {
        text += "ouro_\(name){\(label)\(labels.isEmpty ? "" : ",")\(labels)} \(value)\n"
    }

    /// A metric of the process, under the name that all programs use.
    mutating func process(_ name: String, _ help: String, _ type: String, _ value: Double) {
        text += "# HELP process_\(name) \(help).\n# TYPE process_\(name) \(type)\nprocess_\(name) \(value)\n"
    }

    mutating func gauge(_ name: String, _ help: String, _ value: Double) { gauge(name, help, [("", value)]) }

    mutating func gauge(_ name: String, _ help: String, _ values: [(String, Double)]) {
        head(name, help, "gauge")
        for (labels, value) in values { line(name, labels, "\(value)") }
    }

    mutating func counter(_ name: String, _ help: String, _ values: [(String, Int)]) {
        head(name, help, "counter")
        for (labels, value) in values { line(name, labels, "\(value)") }
    }

    mutating func histogram(_ name: String, _ help: String, _ histogram: Histogram) {
        head(name, help, "histogram")
        var total = 0
        for (bound, count) in zip(histogram.bounds + [.infinity], histogram.counts) {
            total += count
            line("\(name)_bucket", "le=\"\(bound == .infinity ? "+Inf" : "\(bound)")\"", "\(total)")
        }
        line("\(name)_sum", "", "\(histogram.sum)")
        line("\(name)_count", "", "\(total)")
    }
}
