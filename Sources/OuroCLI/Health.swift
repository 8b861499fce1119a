import ArgumentParser
import Foundation
import Ouro
import OuroHub

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
    /// A server does not answer, or says that it is not well.
    static let unhealthyServer = OuroError.Code(rawValue: "unhealthyServer")
}
