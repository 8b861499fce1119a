import ArgumentParser
import Foundation
import Ouro

struct Inspect: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Show the contents of a model folder.",
        usage: "ouro inspect [<options>]",
        discussion: """
            Prints the configuration, the tensors, the number of parameters in each part, and the memory for keys and \
            values. It does not read the weights.

            EXAMPLES
              ouro inspect
              ouro inspect --model DIR
              ouro inspect --model DIR --tensors
            """)

    @OptionGroup var choice: ModelChoice

    @Option(help: ArgumentHelp("Compute the memory for this type of keys and values.", valueName: "f32|bf16|q8"))
    var kvType: KVType?

    @Flag(help: "List the tensors of all layers, not only of the first.")
    var tensors = false

    @Flag(help: "Print one JSON object.")
    var json = false

    func run() async throws {
        let folder = try await choice.folder()
        let configuration = try ModelConfiguration(contentsOf: folder.appendingPathComponent("config.json"))
        let checkpoint = try Checkpoint(folder: folder)
        try checkpoint.validate(for: configuration)
        let counts = ParameterCounts(configuration)
        let cache = CacheMemory(configuration, type: kvType ?? .default(for: configuration))
        let device = try Device.auto.resolvedName()
        if json {
            try Terminal.write(report(configuration, checkpoint, counts, cache, device: device).text + "\n")
        } else {
            try printReport(configuration, checkpoint, counts, cache, device: device)
        }
    }

    private func report(
        _ c: ModelConfiguration, _ checkpoint: Checkpoint, _ counts: ParameterCounts, _ cache: CacheMemory,
        device: String
    ) -> JSONOutput {
        JSONOutput.object([
            "layers": .int(c.layerCount), "loops": .int(c.loops), "hidden_size": .int(c.hiddenSize),
            "heads": .int(c.headCount), "kv_heads": .int(c.keyValueHeadCount), "head_dim": .int(c.headDimension),
            "mlp": .int(c.intermediateSize), "vocabulary": .int(c.vocabularySize), "context": .int(c.contextLength),
            "exit_threshold": .float(c.exitThreshold),
            "parameters": .object([
                "block": .int(counts.block), "embedding": .int(counts.embedding), "head": .int(counts.head),
                "gate": .int(counts.gate), "total": .int(counts.total),
            ]),
            "quantization": c.quantisation.map { .string($0.summary) } ?? .null,
            "device": .string(device), "kv_type": .string(cache.type.rawValue),
            "kv_bytes_per_1k_tokens": .object([
                "full": .int(cache.full), "last-loop": .int(cache.shared), "averaged": .int(cache.shared),
            ]),
            "tensors": .array(
                checkpoint.tensors.values.sorted { $0.name < $1.name }.map {
                    .object([
                        "name": .string($0.name), "type": .string($0.elementType.rawValue),
                        "shape": .ints($0.shape),
                    ])
                }),
        ])
    }

    private func printReport(
        _ c: ModelConfiguration, _ checkpoint: Checkpoint, _ counts: ParameterCounts, _ cache: CacheMemory,
        device: String
    ) throws(OuroError) {
        func row(_ name: String, _ value: String, width: Int = 22) throws(OuroError) {
            try Terminal.write("  " + column(name, width) + value + "\n")
        }
        func grouped(_ value: Int) -> String {
            var digits = Array(String(value))
            for index in stride(from: digits.count - 3, to: 0, by: -3) { digits.insert(" ", at: index) }
            return String(digits)
        }
        try Terminal.write("Configuration\n")
        try row("loops", "\(c.loops) (exit threshold \(c.exitThreshold))")
        try row("layers", "\(c.layerCount), applied \(c.layerCount * c.loops) times per token")
        try row("hidden size", "\(c.hiddenSize)")
        try row("attention", "\(c.headCount) heads of \(c.headDimension), \(c.keyValueHeadCount) for keys and values")
        try row("MLP", "\(c.intermediateSize)")
        try row("vocabulary", "\(c.vocabularySize)" + (c.tiesWordEmbeddings ? ", head tied to the embedding" : ""))
        try row("context", "\(c.contextLength) positions")
        try row("RoPE", "base \(c.rope.theta), \(c.rope.scaling)")
        let windows = c.slidingWindows.compactMap { $0 }
        if let window = windows.first { try row("sliding window", "\(window) in \(windows.count) layers") }
        if let quantisation = c.quantisation { try row("quantisation", quantisation.summary) }

        try Terminal.write("Parameters\n")
        try row("looped block", grouped(counts.block))
        try row("embedding", grouped(counts.embedding))
        try row("head", c.tiesWordEmbeddings ? "the embedding" : grouped(counts.head))
        try row("gate", grouped(counts.gate))
        try row("total", grouped(counts.total))

        try Terminal.write("Device\n")
        try row("auto", device)

        try Terminal.write("Keys and values, per 1K tokens (\(cache.type.rawValue))\n")
        try row("full", cache.text(cache.full) + ", \(c.loops) loops")
        try row("last-loop, averaged", cache.text(cache.shared) + ", after prefill")

        try Terminal.write("Tensors\n")
        let names = c.tensorNames
        let sorted = checkpoint.tensors.values.sorted {
            $0.name.compare($1.name, options: .numeric) == .orderedAscending
        }
        for tensor in sorted where tensors || (names.layer(of: tensor.name) ?? 0) == 0 {
            let shape = tensor.shape.map(String.init).joined(separator: " x ")
            try row(tensor.name, "\(tensor.elementType.rawValue)  \(shape)", width: 56)
        }
        if !tensors, c.layerCount > 1 { try Terminal.write("  and the same for layers 1 to \(c.layerCount - 1)\n") }
    }
}

/// Memory that keys and values of 1024 positions take, in bytes.
private struct CacheMemory {
    let type: KVType
    let full: Int
    let shared: Int

    init(_ configuration: ModelConfiguration, type: KVType) {
        self.type = type
        full = configuration.keyValueBytes(positions: 1024, type: type)
        shared = full / configuration.loops
    }

    func text(_ bytes: Int) -> String {
        bytes >= 10 << 20 ? "\(bytes >> 20) MiB" : "\(bytes >> 10) KiB"
    }
}

extension QuantisationConfiguration {
    /// One line: the default setting, then the modules with other settings.
    fileprivate var summary: String {
        func text(_ setting: QuantisationSetting) -> String {
            "\(setting.bits) bits in groups of \(setting.groupSize)"
        }
        var parts = [text(standard)]
        for (module, exception) in exceptions.sorted(by: { $0.key < $1.key }) {
            switch exception {
            case .setting(let setting) where setting != standard: parts.append("\(module) \(text(setting))")
            case .setting: continue
            case .unquantised: parts.append("\(module) none")
            }
        }
        return parts.joined(separator: "; ")
    }
}
