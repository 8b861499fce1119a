import ArgumentParser
import Foundation
import Ouro
import OuroQuantisation

struct Score: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Show a model's log-probabilities of a text after every loop.",
        discussion: """
            Prints one line per position: the token, its log-probability and the gate after every loop, its exit loop, and \
            the next token that each loop predicts. The perplexity of every loop follows. --json prints one object per \
            position, {"position","token","logprobs","gate","exit_distribution","exit_loop","argmax"}, then \
            {"summary":{...}}.

            EXAMPLES
              ouro score --model DIR --text "Paris is the capital of France."
              ouro score --model DIR --file book.txt --json
              ouro score --model DIR --tokens 1,2,3 --loops 6 --exit-threshold 0.5
              ouro score --model DIR --file book.txt --kv-type q8 --against-kv f32
              ouro score --model DIR --file book.txt --kv-policy last-loop \\
                --against-kv f32 --kv-prompt 256
            """)

    @OptionGroup var model: ModelOptions
    @OptionGroup var depth: DepthOptions

    @Option(help: "The text to score.")
    var text: String?

    @Option(name: .shortAndLong, help: "Read the text from a file; - is standard input.")
    var file: String?

    @Option(help: ArgumentHelp("The text as token ids.", valueName: "1,2,3"))
    var tokens: String?

    @Option(
        help: ArgumentHelp(
            "Measure the loss of --kv-type and --kv-policy instead: the KL divergence, per loop, from --kv-policy full "
                + "with this type.",
            valueName: "f32|bf16|q8"))
    var againstKv: KVType?

    @Option(
        help: ArgumentHelp(
            "Tokens at the beginning of every window of 1024 that serve as the prompt. They are not measured. --kv-policy "
                + "applies after them (default: 0 with --kv-policy full, else half of the window).",
            valueName: "tokens"))
    var kvPrompt: Int?

    @Flag(help: "Print one JSON object per position, then a summary.")
    var json = false

    func validate() throws {
        guard [text != nil, file != nil, tokens != nil].filter({ $0 }).count == 1 else {
            throw ValidationError("give one of --text, --file and --tokens")
        }
        if let tokens { _ = try InputText.tokens(tokens) }
        if againstKv != nil {
            guard model.kvType != nil || model.kvPolicy != .full else {
                throw ValidationError("--against-kv compares with --kv-type and --kv-policy; give one of them too")
            }
            guard depth.loops == nil, depth.policy == nil else {
                throw ValidationError("--against-kv compares the model's own loops; leave depth options out")
            }
        } else if model.kvPolicy != .full {
            throw ValidationError(
                "--kv-policy \(model.kvPolicy.rawValue) has no scores of its own; give --against-kv to measure its loss"
            )
        }
        if let kvPrompt {
            guard againstKv != nil else { throw ValidationError("--kv-prompt needs --against-kv") }
            guard (1...Self.windowLength - 1).contains(kvPrompt) else {
                throw ValidationError("--kv-prompt: expected 1 to \(Self.windowLength - 1), found \(kvPrompt)")
            }
        }
    }

    func run() async throws {
        let input: Prompt =
            if let tokens {
                .tokens(try InputText.tokens(tokens))
            } else if let text {
                .text(text)
            } else {
                .text(try InputText.read(file: file ?? "-"))
            }
        if let againstKv { return try await compareCaches(input, againstKv) }
        let engine = try await model.load()
        if case .text(let text) = input { Terminal.warnAboutDroppedBytes(in: text, tokenizer: engine.tokenizer) }
        let total = try engine.tokens(of: input).count
        let showsProgress = Terminal.errorIsTerminal && total > 512
        let positions = try await engine.score(
            ScoringRequest(input, loops: depth.loops, exit: depth.policy)
        ) { done in
            if showsProgress { Terminal.writeError("\r\(done) of \(total) positions") }
        }
        if showsProgress { Terminal.writeError("\r\u{1B}[K") }
        let perplexities = Self.perplexities(positions)
        if json {
            for position in positions { try Terminal.write(position.json.text + "\n") }
            try Terminal.write(
                JSONOutput.object([
                    "summary": .object([
                        "tokens": .int(positions.count), "perplexity": .array(perplexities.map { .double($0) }),
                    ])
                ]).text + "\n")
        } else {
            try printTable(positions, perplexities, engine: engine)
        }
    }

    private static let windowLength = 1024

    /// Measures the divergence between two ways to store keys and values, in windows of the text.
    private func compareCaches(_ input: Prompt, _ reference: KVType) async throws {
        let folder = try await model.choice.folder()
        let tokens: [Int]
        switch input {
        case .tokens(let given): tokens = given
        case .text(let text):
            tokens = try InputText.tokens(of: text, modelFolder: folder, parsingSpecialTokens: true)
        default: return
        }
        let bar = ProgressBar()
        let divergence = try Divergence.measure(
            Divergence.Subject(folder: folder, kvType: model.kvType, kvPolicy: model.kvPolicy),
            against: Divergence.Subject(folder: folder, kvType: reference), tokens: tokens,
            tokenLimit: tokens.count, windowLength: Self.windowLength, promptLength: kvPrompt,
            threads: model.threads
        ) { bar.show("comparing", $0) }
        bar.clear()
        try divergence.write(json: json)
    }

    /// The perplexity of every loop: exp of the mean negative log-probability. Empty for a single token.
    static func perplexities(_ positions: [ScoredPosition]) -> [Double] {
        let scored = positions.compactMap(\.logProbabilities)
        guard let loops = scored.first?.count else { return [] }
        return (0..<loops).map { loop in
            exp(-scored.reduce(0.0) { $0 + Double($1[loop]) } / Double(scored.count))
        }
    }

    private func printTable(_ positions: [ScoredPosition], _ perplexities: [Double], engine: Engine) throws(OuroError) {
        let loops = positions.first?.gate.count ?? 0
        let colours = DepthColours(loops: max(loops, 1))
        func name(_ token: Int) -> String {
            guard let tokenizer = engine.tokenizer else { return "\(token)" }
            return tokenizer.decode([token]).unicodeScalars.reduce(into: "") { text, scalar in
                text += scalar == " " ? "·" : scalar.value < 0x20 ? scalar.escaped(asASCII: true) : String(scalar)
            }
        }
        func number(_ value: Float) -> String { String(format: "%8.3f", value) }
        let width = 8 * loops
        try Terminal.write(
            "  pos  \("token".leftAligned(in: 14))\("log-probability by loop".leftAligned(in: width + 2))"
                + "\("gate by loop".leftAligned(in: width + 2))exit  next token by loop\n")
        for position in positions {
            let logs = position.logProbabilities?.map(number).joined() ?? String(repeating: "       -", count: loops)
            let exit = colours.paint("\(position.exitLoop)", loop: position.exitLoop)
            let next = position.argmax.map(name).joined(separator: " | ")
            try Terminal.write(
                String(format: "%5d  ", position.position) + name(position.token).leftAligned(in: 14) + logs + "  "
                    + position.gate.map(number).joined() + "     \(exit)  \(next)\n")
        }
        let mean = Double(positions.map(\.exitLoop).reduce(0, +)) / Double(max(positions.count, 1))
        try Terminal.write(
            "\nperplexity by loop: " + perplexities.map { String(format: "%.3f", $0) }.joined(separator: "  "))
        try Terminal.write(String(format: "\nmean exit loop: %.2f\n", mean))
    }
}

extension ScoredPosition {
    var json: JSONOutput {
        let missing = JSONOutput.array(gate.map { _ in .null })
        return JSONOutput.object([
            "position": .int(position), "token": .int(token),
            "logprobs": logProbabilities.map { .floats($0) } ?? missing, "gate": .floats(gate),
            "exit_distribution": .floats(exitDistribution), "exit_loop": .int(exitLoop), "argmax": .ints(argmax),
        ])
    }
}
