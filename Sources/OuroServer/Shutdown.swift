import Dispatch
import Foundation

/// How a server is asked to end: first with time for running requests, then at once.
final class Shutdown: Sendable {
    private let requests = Watched(0)

    /// Asks the server to end. The second call ends it at once.
    func request() { requests.update { $0 += 1 } }

    var isImmediate: Bool { requests.value > 1 }

    /// Waits for the first request, or until the task is cancelled.
    func begins() async { await requests.reaches { $0 > 0 } }

    /// Waits for the second request, or until the task is cancelled.
    func becomesImmediate() async { await requests.reaches { $0 > 1 } }
}

/// Asks a server to end when the process gets SIGTERM or SIGINT.
final class SignalWatch {
    private let sources: [any DispatchSourceSignal]

    init(_ shutdown: Shutdown) {
        sources = [SIGTERM, SIGINT].map { number in
            // The source sees the signal only if the signal's own action does nothing.
            signal(number, SIG_IGN)
            let source = DispatchSource.makeSignalSource(signal: number, queue: .global(qos: .userInitiated))
            source.setEventHandler { shutdown.request() }
            source.resume()
            return source
        }
    }

    deinit {
        for source in sources { source.cancel() }
        for number in [SIGTERM, SIGINT] { signal(number, SIG_DFL) }
    }
}
