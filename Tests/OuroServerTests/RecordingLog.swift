import Logging

@testable import OuroServer

/// Keeps the log lines of a server, so that a test can wait for one.
struct RecordingLog: LogHandler {
    struct Line: Sendable {
        let level: Logger.Level
        let message: String
        let metadata: [String: String]
    }

    let lines: Watched<[Line]>
    var metadata: Logger.Metadata = [:]
    var logLevel = Logger.Level.trace

    subscript(metadataKey key: String) -> Logger.Metadata.Value? {
        get { metadata[key] }
        set { metadata[key] = newValue }
    }

    func log(event: LogEvent) {
        let line = Line(
            level: event.level, message: "\(event.message)", metadata: (event.metadata ?? [:]).mapValues { "\($0)" })
        lines.update { $0.append(line) }
    }

    /// A logger, and the lines that it gets.
    static func make() -> (Logger, Watched<[Line]>) {
        let lines = Watched<[Line]>([])
        return (Logger(label: "test") { _ in RecordingLog(lines: lines) }, lines)
    }
}
