import ArgumentParser
import AsyncHTTPClient
import Foundation
import NIOCore
import Ouro

struct Health: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Ask a running server whether it is well.",
        discussion: """
            For containers and scripts, which then need no other program. Exits with 0 if the server answers that it is \
            well, and with 1, saying why, if it does not: while it loads, drains, or hangs.

            EXAMPLES
              ouro health
              ouro health http://127.0.0.1:9000 --timeout 2
            """)

    @Argument(help: ArgumentHelp("Address of the server.", valueName: "url"))
    var address = "http://127.0.0.1:8080"

    @Option(parsing: .unconditional, help: "Seconds to wait for the answer.")
    var timeout = 5

    func validate() throws {
        if !(1...3600).contains(timeout) {
            throw ValidationError("--timeout: expected 1 to 3600 seconds, found \(timeout)")
        }
        guard let url = URL(string: address), ["http", "https"].contains(url.scheme ?? ""), url.host?.isEmpty == false
        else { throw ValidationError("expected an address such as http://127.0.0.1:8080, found '\(address)'") }
    }

    func run() async throws {
        let url = (address.hasSuffix("/") ? String(address.dropLast()) : address) + "/health"
        var configuration = HTTPClient.Configuration(redirectConfiguration: .disallow)
        configuration.connectionPool.retryConnectionEstablishment = false
        configuration.timeout = .init(
            connect: .seconds(Int64(timeout)), read: .seconds(Int64(timeout)))
        let client = HTTPClient(eventLoopGroupProvider: .singleton, configuration: configuration)
        let failure: String?
        do {
            let response = try await client.execute(HTTPClientRequest(url: url), timeout: .seconds(Int64(timeout)))
            failure = response.status == .ok ? nil : "expected status 200, found \(response.status.code)"
        } catch let error as HTTPClientError {
            let isLate = [.deadlineExceeded, .connectTimeout, .readTimeout].contains(error)
            failure = isLate ? "no answer within \(timeout) s" : error.shortDescription
        } catch let error as IOError {
            failure = "no server there: \(String(cString: strerror(error.errnoCode)))"
        } catch {
            failure = "no answer: \(error)"
        }
        try? await client.shutdown()
        if let failure { throw OuroError(.failedDownload, file: url, failure) }
    }
}
