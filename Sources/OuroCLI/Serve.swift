import ArgumentParser
import Foundation
import Logging
import Ouro
import OuroServer

struct Serve: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Serve a model over HTTP, with OpenAI's API and a page to play in.",
        discussion: """
            Endpoints: /v1/completions, /v1/chat/completions, /v1/models, /tokenize, /detokenize, /props, /health, \
            /metrics, and the page at /. Requests may set loops, exit_threshold and exit_at. SIGTERM lets running requests \
            finish.

            EXAMPLES
              ouro serve
              ouro serve --model ./Ouro-1.4B --port 9000
              OURO_API_KEY=secret ouro serve --model ./Ouro-1.4B --host 0.0.0.0
              curl http://127.0.0.1:8080/v1/completions -H 'Content-Type: application/json' \\
                -d '{"prompt": "Once upon a time", "max_tokens": 40, "exit_threshold": 0.7}'
            """)

    @OptionGroup var model: ModelOptions

    @Option(help: "Address to listen on.")
    var host = "127.0.0.1"

    @Option(help: "Port to listen on; 0 takes any.")
    var port = 8080

    @Option(help: "What the model is called (default: its folder's name).")
    var name: String?

    @Option(help: "Key that requests must have (default: OURO_API_KEY, if it is set).")
    var apiKey: String?

    @Flag(help: "Allow an address that others can reach without a key.")
    var insecure = false

    @Option(help: "Generations that run at once.")
    var maxRunning = 64

    @Option(help: "Generations that wait beyond them; more are refused with 429.")
    var maxQueued = 256

    @Option(help: "Bytes of a request's body at most.")
    var maxBody = 8 << 20

    @Option(help: "Seconds for a request to arrive.")
    var arrivalSeconds = 30

    @Option(help: "Seconds for a request to be answered.")
    var requestSeconds = 600

    @Option(help: "Seconds that running requests get to finish at the end.")
    var drainSeconds = 30

    @Option(help: ArgumentHelp("Origin that browsers may call from (default: none).", valueName: "origin"))
    var corsOrigin: String?

    @Option(help: "Log lines of this level and above.")
    var logLevel = "info"

    private var options: ServerOptions {
        var options = ServerOptions()
        (options.host, options.port, options.isInsecure) = (host, port, insecure)
        options.apiKey = apiKey ?? ProcessInfo.processInfo.environment["OURO_API_KEY"]
        (options.maxRunning, options.maxQueued, options.maxBodyBytes) = (maxRunning, maxQueued, maxBody)
        (options.arrivalSeconds, options.requestSeconds) = (arrivalSeconds, requestSeconds)
        (options.drainSeconds, options.corsOrigin) = (drainSeconds, corsOrigin)
        return options
    }

    func validate() throws {
        guard Logger.Level(rawValue: logLevel) != nil else {
            let levels = Logger.Level.allCases.map(\.rawValue).joined(separator: ", ")
            throw ValidationError("--log-level: expected one of \(levels), found '\(logLevel)'")
        }
        do throws(OuroError) {
            try options.validate()
        } catch {
            throw ValidationError("--\(error.field ?? ""): \(error.message)")
        }
    }

    func run() async throws {
        var logger = Logger(label: "ouro") { StreamLogHandler.standardError(label: $0) }
        logger.logLevel = Logger.Level(rawValue: logLevel) ?? .info
        try options.checkHost()
        let engine = try await model.load()
        let server = try Server(
            engine: engine, modelName: name ?? model.choice.name, options: options,
            logger: logger)
        let host = host.contains(":") ? "[\(host)]" : host
        try await server.run { port in Terminal.writeError("Listening on http://\(host):\(port)\n") }
    }
}
