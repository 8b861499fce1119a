import Ouro
import OuroBenchmark
import Synchronization

/// Runs the measurements of sampling and prints them.
struct SamplingBench {
    /// The name that `--only` takes.
    static let name = "sampling"

    let plan: SamplingPlan
    let json: Bool

    func run() async throws {
        let needsHeading = Mutex(!json)
        try await Benchmark.run(sampling: plan) { [json] figure throws(OuroError) in
            let isFirst = needsHeading.withLock { needed in
                defer { needed = false }
                return needed
            }
            if isFirst { try Terminal.write(Self.heading(figure)) }
            try Terminal.write((json ? figure.json.text : Self.line(figure)) + "\n")
        }
    }

    private static func heading(_ figure: SamplingFigure) -> String {
        "sampling, microseconds a row (\(figure.vocabulary) logits, \(figure.threads) threads)\n"
            + row("choice", "logits", "one row", "one guess", "\(SamplingPlan.batch) rows") + "\n"
    }

    private static func line(_ figure: SamplingFigure) -> String {
        row(
            figure.choice, figure.logits, BenchTable.number(figure.row), BenchTable.number(figure.guess),
            BenchTable.number(figure.batched))
    }

    private static func row(_ columns: String...) -> String {
        zip(columns, [26, 12, 12, 12, 12]).map { column($0, $1) }.joined()
    }
}

extension SamplingFigure {
    fileprivate var json: JSONOutput {
        .object([
            "name": .string(SamplingBench.name), "choice": .string(choice), "logits": .string(logits),
            "vocabulary": .int(vocabulary), "threads": .int(threads), "row": .double(row), "guess": .double(guess),
            "batched": .double(batched), "unit": .string("us/row"),
        ])
    }
}
