import ArgumentParser
import Foundation
import Ouro
import OuroTraining

struct Train: ParsableCommand {
    static let configuration = CommandConfiguration(abstract: "Train a looped model by a recipe.")

    @Option(help: "Sequences computed together.")
    var microBatch = 4

    @Option(help: "Steps.")
    var steps = 3

    @Option var threads = ProcessInfo.processInfo.activeProcessorCount

    func run() throws {
        let configuration = ModelConfiguration(
            vocabularySize: 512, hiddenSize: 256, intermediateSize: 704, layerCount: 4, headCount: 4,
            contextLength: 256)
        let bench = TrainingBenchmark(configuration: configuration, rows: 16, length: 256, microBatch: microBatch)
        _ = try bench.run(steps: steps, threads: threads) {
            print(
                String(
                    format: "%.3f s  %.1f of %.1f GFLOP/s (%.1f %%), %.0f tokens/s", $0.seconds,
                    $0.operationsPerSecond / 1e9, $0.limit / 1e9, 100 * $0.fraction, $0.tokensPerSecond))
        }
    }
}
