import ArgumentParser
import Foundation
import Ouro
import OuroQuantisation

struct Quantize: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Quantise a model to 4 or 8 bits, and measure the loss of quality.",
        discussion: """
            The result is a complete model folder in MLX's format. By default, the embedding and the head get 8 bits. The \
            gate and the norms are not quantised.

            --calibrate rounds the weights so that their errors cancel out on a text, over all loops. With 4 bits, this \
            reduces the divergence to about a quarter. It takes minutes to hours. After an interruption, the same command \
            continues.

            --report compares a quantised model with the original, after every loop. It prints the divergence \
            KL(original || quantised) in nats, how often both choose the same next token, and both perplexities. Use a \
            text that was not used for calibration.

            EXAMPLES
              ouro quantize --model DIR --bits 8 -o OUT
              ouro quantize --model DIR --bits 4 --group-size 64 \\
                --calibrate text.txt -o OUT
              ouro quantize --model DIR --bits 4 --calibrate text.txt -o OUT \\
                --report --file other.txt
              ouro quantize --report --model OUT --reference DIR \\
                --file other.txt --json
            """)

    @OptionGroup var choice: ModelChoice

    @Option(name: .shortAndLong, help: ArgumentHelp("Output folder; it must be new or empty.", valueName: "dir"))
    var output: String?

    @Option(parsing: .unconditional, help: ArgumentHelp("Bits per weight in the looped block.", valueName: "4|8"))
    var bits = 4

    @Option(
        parsing: .unconditional,
        help: ArgumentHelp("Weights per group; a group shares a scale and a bias.", valueName: "32|64|128"))
    var groupSize = 64

    @Option(help: ArgumentHelp("Bits of the embedding (default: 8).", valueName: "4|8|none"))
    var embeddingBits: String?

    @Option(help: ArgumentHelp("Bits of the head (default: 8).", valueName: "4|8|none"))
    var headBits: String?

    @Option(help: ArgumentHelp("Bits of the exit gate (default: none).", valueName: "4|8|none"))
    var gateBits: String?

    @Option(help: ArgumentHelp("Calibrate the rounding on this text; - is standard input.", valueName: "file"))
    var calibrate: String?

    @Option(parsing: .unconditional, help: "Number of calibration tokens, spread evenly over the text.")
    var calibrationTokens = 8192

    @Option(
        parsing: .unconditional,
        help: "Layers per run over the calibration text (default: as memory allows, at most a quarter of the layers).")
    var layersPerRun: Int?

    @Flag(help: "Write into a folder that is not empty, and replace a checkpoint in it.")
    var force = false

    @Flag(help: "Compare the quantised model with the original on the text of --file.")
    var report = false

    @Option(help: ArgumentHelp("With --report and without -o: the original of --model.", valueName: "dir"))
    var reference: String?

    @Option(name: .shortAndLong, help: "The text of the report; - is standard input.")
    var file: String?

    @Option(parsing: .unconditional, help: "Number of tokens for the report, spread evenly over the text.")
    var reportTokens = 8192

    @Option(parsing: .unconditional, help: "Threads that share the work (default: one per processor).")
    var threads: Int?

    @Flag(help: "Print the report as one JSON object.")
    var json = false

    func validate() throws {
        func check(_ option: String, _ text: String?) throws {
            if let text { _ = try Self.bits(option, text) }
        }
        try check("--embedding-bits", embeddingBits)
        try check("--head-bits", headBits)
        try check("--gate-bits", gateBits)
        try checkThreads(threads)
        if reportTokens < 2 { throw ValidationError("--report-tokens: expected at least 2, found \(reportTokens)") }
        if report {
            guard file != nil else { throw ValidationError("--report needs a text: give it with --file") }
            guard (output != nil) != (reference != nil) else {
                throw ValidationError(
                    "--report compares --model with --reference, or the result in -o with --model; give one of the two")
            }
        } else {
            guard output != nil else { throw ValidationError("give the folder to write with -o, or --report") }
            guard reference == nil, file == nil, !json else {
                throw ValidationError("--reference, --file and --json need --report")
            }
        }
    }

    /// Reads a number of bits. Nil stands for `none`.
    private static func bits(_ option: String, _ text: String) throws -> Int? {
        if text == "none" { return nil }
        guard let bits = Int(text) else {
            throw ValidationError("\(option): expected 4, 8 or none, found '\(text)'")
        }
        return bits
    }

    func run() async throws {
        let folder = try await choice.folder()
        var subject = folder
        var original = folder
        // Read before the quantisation, which can take hours, so that an error appears at once.
        let text = try file.map { try tokens(ofFile: $0, folder: folder) }
        if let output {
            subject = URL(fileURLWithPath: output)
            try quantise(folder, to: subject)
        } else if let reference {
            original = try await ModelChoice.folder(of: reference)
        }
        guard let text else { return }
        let bar = ProgressBar()
        let divergence = try Divergence.measure(
            // Keys and values stay unrounded, so that the report measures the weights only.
            Divergence.Subject(folder: subject, kvType: .f32),
            against: Divergence.Subject(folder: original, kvType: .f32), tokens: text,
            tokenLimit: reportTokens, threads: threads
        ) { bar.show("comparing", $0) }
        bar.clear()
        try divergence.write(json: json)
    }

    private func quantise(_ folder: URL, to output: URL) throws {
        var options = QuantisationOptions(
            bits: bits, groupSize: groupSize, calibrationTokens: calibrationTokens, layersPerRun: layersPerRun,
            replacesFiles: force, threads: threads)
        if let embeddingBits { options.embeddingBits = try Self.bits("--embedding-bits", embeddingBits) }
        if let headBits { options.headBits = try Self.bits("--head-bits", headBits) }
        if let gateBits { options.gateBits = try Self.bits("--gate-bits", gateBits) }
        options.calibration = try calibrate.map { try tokens(ofFile: $0, folder: folder) }
        let quantiser = try Quantiser(modelAt: folder, options: options)
        let skipped = quantiser.skippedWeights
        if !skipped.isEmpty {
            Terminal.writeError(
                "note: groups of \(groupSize) do not divide the rows of \(skipped.count) weights; these are not quantised "
                    + "(\(skipped.prefix(3).joined(separator: ", "))\(skipped.count > 3 ? ", ..." : ""))\n")
        }
        let bar = ProgressBar()
        try quantiser.write(to: output) { progress in
            switch progress.stage {
            case .startedAnew:
                bar.note("note: the interrupted run in \(output.path) had other settings; starting anew")
            case .resumed(let layers): bar.note("note: continuing after \(layers) finished layers")
            case .calibrating(let layers):
                let name = layers.count == 1 ? "layer" : "layers"
                let last = layers.count == 1 ? "" : " to \(layers.upperBound)"
                bar.show("calibrating \(name) \(layers.lowerBound + 1)\(last)", progress.fraction)
            case .writing: bar.show("writing", progress.fraction)
            }
        }
        bar.clear()
        if Terminal.errorIsTerminal { Terminal.writeError("\(output.path) is complete\n") }
    }

    private func tokens(ofFile file: String, folder: URL) throws -> [Int] {
        // The text may come from anywhere, so special tokens in it are plain text.
        try InputText.tokens(of: InputText.read(file: file), modelFolder: folder, parsingSpecialTokens: false)
    }
}

extension Divergence {
    /// Prints a table, or one JSON object.
    func write(json: Bool) throws(OuroError) {
        if json {
            let loops = loops.map {
                JSONOutput.object([
                    "loop": .int($0.loop), "kl": .double($0.divergence), "agreement": .double($0.agreement),
                    "perplexity": .double($0.perplexity), "reference_perplexity": .double($0.referencePerplexity),
                ])
            }
            return try Terminal.write(
                JSONOutput.object(["positions": .int(positions), "loops": .array(loops)]).text + "\n")
        }
        try Terminal.write("loop   KL, nats   same top token   perplexity   of the reference\n")
        for loop in loops {
            try Terminal.write(
                String(
                    format: "%4d   %8.5f   %13.2f%%   %10.4f   %16.4f\n", loop.loop, loop.divergence,
                    loop.agreement * 100, loop.perplexity, loop.referencePerplexity))
        }
        try Terminal.write("over \(positions) positions\n")
    }
}
