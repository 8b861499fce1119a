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
            requests finish and new ones are refused. A second signal ends the server at once.

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

    @Flag(help: "Let /metrics be read without the API key.")
    var openMetrics = false

    @Flag(help: "Allow a public address without an API key.")
    var insecure = false

    @Option(
        help: ArgumentHelp(
            "Name of the server in the Host header, beside --host and the names of this machine; * allows any. It is "
                + "checked only without an API key. Several names: repeat the option, or put commas between them.",
            valueName: "name"))
    var allowedHosts: [String] = []

    @Option(help: "Maximum number of samples that run at once. A request has n samples for each prompt.")
    var maxRunning = 64

    @Option(
        help: "Maximum number of samples that wait, of requests that do not run yet. More get status 429.")
    var maxQueued = 256

    @Option(help: "Maximum size of a request body, in bytes.")
    var maxBody = 8 << 20

    @Option(
        help: "Time limit for the head of a request, for its body, and for reading a part of the answer, in seconds.")
    var arrivalSeconds = 30

    @Option(help: "Time that a connection without a request stays open, in seconds.")
    var keepAliveSeconds = 75

    @Option(help: "Time limit for answering a request, in seconds. Then the client gets status 504.")
    var requestSeconds = 600

    @Option(help: "Time limit for running requests after SIGTERM, in seconds. Then they get status 503.")
    var drainSeconds = 30

    @Option(
        help: ArgumentHelp(
            "Origin of web pages that may call the server; * allows any (default: none).", valueName: "origin"))
    var corsOrigin: String?

    @Option(help: "Lowest level of log lines.")
    var logLevel = "info"

    private var options: ServerOptions {
        var options = ServerOptions()
        (options.host, options.port, options.isInsecure) = (host, port, insecure)
        options.apiKey = apiKey ?? ProcessInfo.processInfo.environment["OURO_API_KEY"]
        (options.maxRunning, options.maxQueued, options.maxBodyBytes) = (maxRunning, maxQueued, maxBody)
        (options.arrivalSeconds, options.requestSeconds) = (arrivalSeconds, requestSeconds)
        options.opensMetrics = openMetrics
        options.keepAliveSeconds = keepAliveSeconds
        options.allowedHosts = allowedHosts.flatMap { $0.split(separator: ",", omittingEmptySubsequences: false) }
            .map { $0.trimmingCharacters(in: .whitespaces) }
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
