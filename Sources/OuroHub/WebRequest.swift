import Foundation

/// One request over HTTP.
struct WebRequest {
    var url: URL
    /// `HEAD` instead of `GET`.
    var isHead = false
    var fields = WebFields()
    /// Statuses whose body goes to the sink. Any other body is dropped.
    var wanted: Set<Int> = [200, 206]
    /// The time limit of the whole exchange. Nil sets no limit.
    var timeLimit: Duration?
}

/// The fields of a request or a response, in order. Names are compared without regard to case.
struct WebFields: Equatable, Sendable {
    struct Field: Equatable, Sendable {
        let name: String
        let value: String
    }

    private(set) var all: [Field] = []

    mutating func add(_ name: String, _ value: String) { all.append(Field(name: name, value: value)) }

    /// The first value of the field, or nil if there is none.
    func first(_ name: String) -> String? {
        all.first { $0.name.compare(name, options: [.caseInsensitive, .literal]) == .orderedSame }?.value
    }
}

/// The status and the fields of a response.
struct WebHead: Equatable, Sendable {
    let status: Int
    var fields = WebFields()
}

/// Reads the lines before a response's body.
struct WebHeadReader {
    private(set) var head: WebHead?
    /// Whether all fields have arrived. Later lines are trailers, which are ignored.
    private(set) var isComplete = false
    private var byteCount = 0

    private static let byteLimit = 256 << 10

    /// Adds a line, including its line break.
    ///
    /// - Returns: false if the lines are not the head of a response, or are too long.
    mutating func add(_ bytes: UnsafeRawBufferPointer) -> Bool {
        byteCount += bytes.count
        guard byteCount <= Self.byteLimit else { return false }
        let line = String(decoding: bytes, as: UTF8.self).trimmingCharacters(in: .whitespacesAndNewlines)
        if line.hasPrefix("HTTP/"), !isComplete {
            // An interim response, such as status 100, comes before the final one.
            let parts = line.split(separator: " ")
            guard parts.count >= 2, let status = Int(parts[1]) else { return false }
            head = WebHead(status: status)
        } else if isComplete {
            return true
        } else if line.isEmpty {
            isComplete = (head?.status ?? 0) >= 200
        } else if let colon = line.firstIndex(of: ":") {
            head?.fields.add(
                String(line[..<colon]), line[line.index(after: colon)...].trimmingCharacters(in: .whitespaces))
        }
        return true
    }
}

/// Receives a response while it arrives. An exchange makes all calls on its own thread.
protocol WebSink: AnyObject {
    /// Receives the head of a response whose body is wanted. An error ends the exchange.
    func begin(_ head: WebHead) throws(HubFailure)
    /// Receives the next bytes of the body. The network waits until this returns. An error ends the exchange.
    func receive(_ bytes: UnsafeRawBufferPointer) throws(HubFailure)
}

/// The reason for a missing or incomplete response.
package struct WebFailure: Error {
    package enum Kind: Sendable {
        case cancelled
        /// The connection could not be made, was cut, or timed out. A retry may succeed.
        case network
        /// A retry cannot succeed. The text tells what to change.
        case permanent
    }

    package let kind: Kind
    /// A description for the user.
    package let text: String
}

/// The failure of an exchange: its own, or an error of its sink.
enum WebError: Error {
    case failed(WebFailure)
    case refused(HubFailure)
}
