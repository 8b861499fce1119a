import Foundation
import Ouro

/// The error of a failed request, and whether a retry may succeed.
struct HubFailure: Error {
    let error: OuroError
    let isTransient: Bool
    /// The pause that the server asks for.
    var pause: Duration?

    init(_ error: OuroError, isTransient: Bool = false) {
        self.error = error
        self.isTransient = isTransient
    }

    /// The failure of a request without a complete response.
    init(_ failure: WebFailure, url: URL) {
        let advice = failure.kind == .permanent ? "" : "; check the network, or set HF_HUB_OFFLINE=1"
        self.init(
            OuroError(.failedDownload, file: url.hostAndPath, failure.text + advice),
            isTransient: failure.kind == .network)
    }

    /// The failure of a request that the server answered with an error.
    ///
    /// - Parameters:
    ///   - head: the status and the fields of the response.
    ///   - url: the address of the request.
    ///   - what: the model and the file that the error names.
    ///   - isEndpoint: true if the hub answered, false if a host answered that the hub redirected to.
    init(_ head: WebHead, url: URL, what: HubRequestSubject, isEndpoint: Bool) {
        let (status, headers) = (head.status, head.fields)
        let code = headers.first("x-error-code") ?? ""
        let detail = headers.first("x-error-message").map { " (the hub says: \(Self.clean($0)))" } ?? ""
        let model = what.repository.name
        func failure(_ message: String) -> OuroError {
            OuroError(.failedDownload, file: what.file ?? model, "\(message) [\(status)]\(detail)")
        }
        switch status {
        // The signature in the address may have expired. A retry gets a new one from the hub.
        case 401 where !isEndpoint, 403 where !isEndpoint, 404 where !isEndpoint:
            self.init(failure("the host that stores the file refused it"), isTransient: true)
        case 401, 403:
            if code == "GatedRepo" || status == 403 {
                self.init(
                    failure(
                        "access to \(model) is restricted; accept its terms on the hub's page of the model, and set "
                            + "HF_TOKEN to a token of that account"))
            } else {
                self.init(
                    failure(
                        "the hub has no model \(model), or it is private; check the name, or set HF_TOKEN to a token "
                            + "that may read it"))
            }
        case 404:
            switch code {
            case "RevisionNotFound":
                self.init(
                    failure("\(model) has no revision '\(what.repository.revision)'; expected a branch, tag or commit"))
            case "EntryNotFound":
                self.init(failure("\(model) has no such file at revision '\(what.repository.revision)'"))
            default:
                self.init(
                    failure(
                        "the hub has no \(what.file == nil ? "model \(model)" : "such file in \(model)") at revision "
                            + "'\(what.repository.revision)'; check the name and HF_ENDPOINT"))
            }
        case 407:
            self.init(failure(WebExchange.credentialsText("the proxy")))
        case 408, 425:
            self.init(failure("the request timed out on the server"), isTransient: true)
        case 429:
            self.init(
                failure("the hub got too many requests; wait, or set HF_TOKEN for a higher limit"), isTransient: true)
        case 500...599:
            self.init(failure("the hub has a problem; try again later"), isTransient: true)
        default:
            self.init(failure("the response has an unexpected status; check HF_ENDPOINT"))
        }
        if let text = headers.first("retry-after"), let seconds = Int(text), (0...86_400).contains(seconds) {
            pause = .seconds(seconds)
        }
    }

    /// Removes control characters from a server's text, and cuts it to 300 characters.
    static func clean(_ text: String) -> String {
        String(text.unicodeScalars.filter { $0.value >= 0x20 && $0.value != 0x7F }.prefix(300).map(Character.init))
    }
}

/// The model and the file that a request is about; errors name them.
struct HubRequestSubject {
    let repository: HubRepository
    var file: String?
}

extension URL {
    /// The host, port and path. The query is left out, because it may contain a signature. So is a password.
    var hostAndPath: String { (host ?? "") + (port.map { ":\($0)" } ?? "") + path }
}

/// Runs a request, and repeats it after transient failures.
///
/// - Throws: the `OuroError` of the last failure.
func repeating<Value>(
    _ retry: HubRetry, _ body: () async throws(HubFailure) -> Value
) async throws(OuroError) -> Value {
    var failures = 0
    while true {
        do {
            return try await body()
        } catch {
            failures += 1
            try await error.wait(after: failures, retry: retry)
        }
    }
}

extension HubFailure {
    /// Waits until the request may be sent again.
    ///
    /// - Throws: this failure's `OuroError` if the failure is permanent, if all attempts are used, or if the server asks for
    ///   a longer pause than `retry` allows.
    func wait(after failures: Int, retry: HubRetry) async throws(OuroError) {
        guard isTransient, failures < max(retry.attempts, 1) else { throw error }
        if let pause, pause > retry.longestPause {
            throw OuroError(
                error.code, file: error.file, "\(error.message); the server asks to wait \(pause.components.seconds) s")
        }
        let pause = retry.pause(after: failures, asked: pause)
        retry.report(error, pause)
        do {
            try await Task.sleep(for: pause)
        } catch {
            throw OuroError(.failedDownload, file: self.error.file, "cancelled")
        }
    }
}
