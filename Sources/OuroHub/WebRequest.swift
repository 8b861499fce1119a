import Foundation

/// One request over HTTP.
struct WebRequest {
    var url: URL
    /// `HEAD` instead of `GET`.
    var isHead = false
    var fields = WebFields()
    /// Statuses whose body goes to the sink. Any other body is dropped.
    var wanted: Set<Int> = [200, 206]
    /// The longest that everything together may take; nil for no limit.
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

    /// The first value under the name; nil if there is none.
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
    /// Whether all fields have come. Lines after that are trailers, which nobody needs.
    private(set) var isComplete = false
    private var byteCount = 0

    private static let byteLimit = 256 << 10

    /// Adds a line, its end included.
    ///
    /// - Returns: false if the lines are no head of a response, or are too long.
    mutating func add(_ bytes: UnsafeRawBufferPointer) -> Bool {
        byteCount += bytes.count
        guard byteCount <= Self.byteLimit else { return false }
        let line = String(decoding: bytes, as: UTF8.self).trimmingCharacters(in: .whitespacesAndNewlines)
        if line.hasPrefix("HTTP/"), !isComplete {
            // An interim response such as 100 comes before the one that counts.
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

/// Takes a response while it arrives. An exchange calls it on a thread of its own, one call at a time.
protocol WebSink: AnyObject {
    /// Takes the head of a response whose body is wanted. An error ends the exchange.
    func begin(_ head: WebHead) throws(HubFailure)
    /// Takes the next bytes of the body. The network waits until this returns. An error ends the exchange.
    func receive(_ bytes: UnsafeRawBufferPointer) throws(HubFailure)
}

/// Why there is no response, or only a part of one.
package struct WebFailure: Error {
    package enum Kind: Sendable {
        case cancelled
        /// The connection could not be made, was cut or fell silent: it may work another time.
        case network
        /// Something must be changed first, as the text says.
        case permanent
    }

    package let kind: Kind
    /// What happened, in plain words.
    package let text: String
}

/// How an exchange failed: by itself, or because its sink refused what came.
enum WebError: Error {
    case failed(WebFailure)
    case refused(HubFailure)
}
