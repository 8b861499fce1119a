import ArgumentParser
import Foundation
import Ouro
import OuroHub

struct Health: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Check the health of a running server.",
        discussion: """
            Containers and scripts can use it as a health check. The exit code is 0 if the server is healthy. It is 1 if \
            the server does not answer in time, or is loading or draining; the error tells the reason.

            EXAMPLES
              ouro health
              ouro health http://127.0.0.1:9000 --timeout 2
            """)

    @Argument(help: ArgumentHelp("The server's address.", valueName: "url"))
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
        let text = (address.hasSuffix("/") ? String(address.dropLast()) : address) + "/health"
        guard let url = URL(string: text) else { throw ValidationError("'\(text)' is not an address") }
        let failure: String
        do throws(WebFailure) {
            let status = try await WebClient().status(of: url, within: .seconds(timeout))
            if status == 200 { return }
            failure = "expected status 200, found \(status)"
        } catch {
            failure = error.text
        }
        throw OuroError(.unhealthyServer, file: text, failure)
    }
}

extension OuroError.Code {
    /// A server does not answer, or reports that it is not healthy.
    static let unhealthyServer = OuroError.Code(rawValue: "unhealthyServer")
}
