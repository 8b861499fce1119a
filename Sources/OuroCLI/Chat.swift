import ArgumentParser
import Ouro

struct Chat: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Talk with a model.",
        discussion: """
            Type a message and press return. Commands: /help, /reset, /loops N, /threshold Q, /exit.

            EXAMPLES
              ouro chat --show-depth
              ouro chat --model DIR
              ouro chat --model DIR --thinking
              ouro chat --model DIR --system "You answer in one sentence." \\
                --temperature 0.7 --show-depth
            """)

    @OptionGroup var model: ModelOptions
    @OptionGroup var sampling: SamplingOptions
    @OptionGroup var depth: DepthOptions

    @Option(help: "The system message.")
    var system: String?

    @Flag(help: "Colour every token by its exit loop, and print a legend and a summary.")
    var showDepth = false

    @Flag(help: "A thinking model thinks before it answers.")
    var thinking = false

    private static let help = """
        /help         this list
        /reset        forget the conversation
        /loops N      loops per token
        /threshold Q  a token exits when its cumulative exit probability reaches Q;
                      with 1 every token runs all loops
        /exit         end the program

        """

    func run() async throws {
        let engine = try await model.load()
        var depth = depth
        let opening = system.map { [ChatMessage(role: "system", content: $0)] } ?? []
        var messages = opening
        Terminal.writeError("Type a message, or /help.\n")
        while true {
            Terminal.writeError("> ")
            guard let line = readLine(strippingNewline: true) else { break }
            let words = line.split(separator: " ")
            guard let first = words.first else { continue }
            if first.hasPrefix("/") {
                switch (first, words.dropFirst().first) {
                case ("/exit", nil), ("/quit", nil): return
                case ("/help", nil): Terminal.writeError(Self.help)
                case ("/reset", nil):
                    messages = opening
                    Terminal.writeError("The conversation starts again.\n")
                case ("/loops", let value?):
                    guard let loops = Int(value), RequestLimits.loops.contains(loops) else {
                        Terminal.writeError(
                            "/loops: expected a number from 1 to \(RequestLimits.loops.upperBound), found '\(value)'\n")
                        continue
                    }
                    depth.loops = loops
                    Terminal.writeError("\(loops) loops per token.\n")
                case ("/threshold", let value?):
                    guard let threshold = Float(value), RequestLimits.exitThreshold.contains(Double(threshold)) else {
                        Terminal.writeError(
                            "/threshold: expected a number from 0 to \(RequestLimits.exitThreshold.upperBound), found '\(value)'\n"
                        )
                        continue
                    }
                    (depth.exitThreshold, depth.exitAt, depth.exitChange, depth.exitWeighted) = (
                        threshold, nil, nil, false
                    )
                    Terminal.writeError("A token exits when its cumulative exit probability reaches \(threshold).\n")
                default: Terminal.writeError("Not a command: \(line). /help lists all commands.\n")
                }
                continue
            }
            Terminal.warnAboutDroppedBytes(in: line, tokenizer: engine.tokenizer)
            messages.append(ChatMessage(role: "user", content: line))
            do {
                let answer = try await reply(to: messages, engine: engine, depth: depth)
                messages.append(ChatMessage(role: "assistant", content: answer))
            } catch let error as OuroError where error.code != .unwritableFile {
                Terminal.writeError("\(error)\n")
                messages.removeLast()
            }
        }
        Terminal.writeError("\n")
    }

    private func reply(to messages: [ChatMessage], engine: Engine, depth: DepthOptions) async throws -> String {
        let arguments: JSONObject = thinking ? ["enable_thinking": .bool(true)] : [:]
        let prompt = try engine.chatPrompt(messages, arguments: arguments)
        var request = sampling.request(.tokens(prompt.tokens), engine: engine, depth: depth)
        if thinking { request.showsSpecialTokens = true }
        let stream = try engine.generate(request)
        var reasoning = ReasoningParts(tokenizer: engine.tokenizer, beginsOpen: prompt.opensThought)
        let colours = DepthColours(loops: depth.loops ?? engine.configuration.loops)
        var summary = GenerationSummary(promptTokens: stream.promptTokens)
        var answer = ""
        for try await token in stream {
            summary.add(token)
            // The next prompt contains the answer, but not the thoughts.
            let isThought = reasoning?.isThought(token.id) == true
            if !isThought, reasoning?.isMark(token.id) != true { answer += token.text }
            try Terminal.write(showDepth ? colours.paint(token.text, loop: token.exitLoop) : token.text)
        }
        try Terminal.write("\n")
        if showDepth { Terminal.writeError("\(colours.legend)\n\(summary.line)\n") }
        return answer
    }
}
