import ArgumentParser
import Foundation
import Ouro
import OuroDefaultModel

struct Generate: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Continue a prompt.",
        discussion: """
            The text appears on standard output token by token. --json prints one object per token instead, \
            {"position","token","text","logprob","exit_loop","exit_distribution"}, then {"summary":{...}}.

            Without --model the bundled model ouro-tiny runs. It can follow arrows (one per loop), add, copy, close \
            brackets and write short stories.

            EXAMPLES
              ouro generate --show-depth "qe em mb bz zw wt tc cs so ok ky yq?m>>>>"
              ouro generate --show-depth "37+48="
              ouro generate --show-depth "Once upon a time there was"
              ouro generate --model ByteDance/Ouro-1.4B "The future of AI is"
              ouro generate --model DIR --temperature 0.7 --seed 1 \\
                --max-tokens 50 "Once"
              ouro generate --model DIR --exit-threshold 0.7 --show-depth "Once"
              ouro generate --model DIR --tokens 1,2,3 --loops 2 --json
              ouro generate --model DIR --kv-policy last-loop \\
                --exit-threshold 0.7 "Once"
              ouro generate --model DIR -n 40 --trace wavefront.svg "Once"
              cat prompt.txt | ouro generate --model DIR
              ouro generate --model DIR --input prompts.jsonl --n 8 \\
                --temperature 1 --output out.jsonl
            """)

    @OptionGroup var model: ModelOptions
    @OptionGroup var sampling: SamplingOptions
    @OptionGroup var depth: DepthOptions

    @Argument(help: "The text to continue (default: standard input).")
    var prompt: String?

    @Option(name: .shortAndLong, help: "Read the prompt from a file; - is standard input.")
    var file: String?

    @Option(help: ArgumentHelp("The prompt as token ids.", valueName: "1,2,3"))
    var tokens: String?

    @Flag(help: "Print one JSON object per token, then a summary.")
    var json = false

    @Flag(help: "Colour every token by its exit loop, and print a legend and a summary.")
    var showDepth = false

    @Option(
        help: ArgumentHelp(
            "Read prompts from JSON lines with prompt, tokens or messages; needs --output.", valueName: "file.jsonl"))
    var input: String?

    @Option(name: .customLong("n"), parsing: .unconditional, help: "Samples per prompt of --input.")
    var samples = 1

    @Option(
        help: ArgumentHelp(
            "Write the samples of --input as JSON lines; the same command continues an interrupted run.",
            valueName: "file.jsonl"))
    var output: String?

    @Option(help: ArgumentHelp("Draw the rows of every pass.", valueName: "file.svg"))
    var trace: String?

    func validate() throws {
        if [prompt != nil, file != nil, tokens != nil].filter({ $0 }).count > 1 {
            throw ValidationError("the prompt, --file and --tokens exclude each other; give one of them")
        }
        if let tokens { _ = try InputText.tokens(tokens) }
        guard (input == nil) == (output == nil) else {
            throw ValidationError("--input and --output need each other; give both")
        }
        if input != nil, prompt != nil || file != nil || tokens != nil || trace != nil || json {
            throw ValidationError(
                "--input has its own prompts and output; leave prompt, --file, --tokens, --trace and --json out")
        }
        if !(1...10_000).contains(samples) {
            throw ValidationError("--n: expected 1 to 10000, found \(samples)")
        }
    }

    /// Returns the example prompt for `ouro generate` without arguments, and prints it.
    private static func defaultPrompt() -> String {
        Terminal.writeError("\(DefaultModel.prompt)\n")
        return DefaultModel.prompt
    }

    func run() async throws {
        if let input, let output {
            let engine = try await model.load()
            let seed = sampling.seed ?? 0
            let (sampling, depth) = (sampling, depth)
            return try await Rollouts(
                engine: engine, samples: samples,
                request: { prompt, seed in
                    var request = sampling.request(prompt, engine: engine, depth: depth)
                    request.everyLoop = true
                    request.sampling?.seed = seed
                    return request
                }, seed: seed
            ).run(input: input, output: output)
        }
        let input: Prompt =
            if let tokens {
                .tokens(try InputText.tokens(tokens))
            } else if prompt == nil, file == nil, model.choice.model == nil, isatty(STDIN_FILENO) != 0 {
                .text(Self.defaultPrompt())
            } else {
                .text(try InputText.prompt(argument: prompt, file: file))
            }
        let engine = try await model.load()
        if case .text(let text) = input { Terminal.warnAboutDroppedBytes(in: text, tokenizer: engine.tokenizer) }
        var request = sampling.request(input, engine: engine, depth: depth)
        request.traces = trace != nil
        let stream = try engine.generate(request)
        let colours = DepthColours(loops: depth.loops ?? engine.configuration.loops)
        var summary = GenerationSummary(promptTokens: stream.promptTokens)
        var pieces: [(position: Int, text: String)] = []
        for try await token in stream {
            summary.add(token)
            if let trace {
                pieces.append((token.position, engine.tokenizer?.decode([token.id]) ?? "\(token.id)"))
                if let rows = token.trace {
                    let picture = TracePicture(rows, tokens: pieces, loops: token.exitDistribution.count)
                    try picture.write(to: trace)
                }
            }
            if json {
                try Terminal.write(token.json.text + "\n")
            } else {
                try Terminal.write(showDepth ? colours.paint(token.text, loop: token.exitLoop) : token.text)
            }
        }
        if json { return try Terminal.write(summary.json.text + "\n") }
        try Terminal.write("\n")
        if showDepth { Terminal.writeError("\(colours.legend)\n") }
        if showDepth || Terminal.errorIsTerminal { Terminal.writeError("\(summary.line)\n") }
    }
}

extension GeneratedToken {
    var json: JSONOutput {
        JSONOutput.object([
            "position": .int(position), "token": .int(id), "text": .string(text), "logprob": .float(logProbability),
            "exit_loop": .int(exitLoop), "exit_distribution": .floats(exitDistribution),
        ])
    }
}
