import ArgumentParser
import Foundation
import Logging
import Ouro
import OuroServer

struct Serve: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Serve a model over HTTP, with the OpenAI API and a web page.",
        discussion: """
            Endpoints: /v1/completions, /v1/chat/completions, /v1/models, /tokenize, /detokenize, /props, /health, \
            /metrics, and the page at /. Requests accept loops, exit_threshold and exit_at. After SIGTERM, running \
            requests finish and new ones are refused.

            EXAMPLES
              ouro serve
              ouro serve --model ./Ouro-1.4B --port 9000
              OURO_API_KEY=secret ouro serve --model ./Ouro-1.4B --host 0.0.0.0
              curl http://127.0.0.1:8080/v1/completions \\
                -H 'Content-Type: application/json' \\
                -d '{"prompt": "Once", "max_tokens": 40, "exit_threshold": 0.7}'
            """)

    @OptionGroup var model: ModelOptions

    @Option(help: "Address to listen on.")
    var host = "127.0.0.1"

    @Option(help: "Port to listen on. 0 takes any free port.")
    var port = 8080

    @Option(help: "Name of the model in the API (default: its folder's name).")
    var name: String?

    @Option(help: "API key that requests need (default: the environment variable OURO_API_KEY).")
    var apiKey: String?

    @Flag(help: "Allow a public address without an API key.")
    var insecure = false

    @Option(help: "Maximum number of concurrent generations.")
    var maxRunning = 64

    @Option(help: "Maximum number of waiting generations. Further requests are refused with status 429.")
    var maxQueued = 256

    @Option(help: "Maximum size of a request body, in bytes.")
    var maxBody = 8 << 20

    @Option(help: "Time limit for receiving a request, in seconds.")
    var arrivalSeconds = 30

    @Option(help: "Time limit for answering a request, in seconds.")
    var requestSeconds = 600

    @Option(help: "Time limit for running requests after SIGTERM, in seconds.")
    var drainSeconds = 30

    @Option(help: ArgumentHelp("Origin of web pages that may call the server (default: none).", valueName: "origin"))
    var corsOrigin: String?

    @Option(help: "Lowest level of log lines.")
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
