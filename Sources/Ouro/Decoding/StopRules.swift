/// Why a generation ended.
public enum FinishReason: String, Sendable, Codable {
    /// An end-of-text token, a stop token or a stop string.
    case stop
    /// `maxTokens` or the end of the model's context.
    case length
}

/// Finds stop strings in text that arrives in pieces, and holds back what may become one.
struct StopMatcher: Sendable {
    private let stops: [[UInt8]]
    private var held: [UInt8] = []

    init(_ stops: [String]) {
        self.stops = stops.map { Array($0.utf8) }.filter { !$0.isEmpty }
    }

    /// Takes in text; returns what may be shown, and whether a stop string was met (it is not shown).
    mutating func append(_ text: String) -> (text: String, stopped: Bool) {
        guard !stops.isEmpty else { return (text, false) }
        held.append(contentsOf: text.utf8)
        var end = held.count
        var stopped = false
        for stop in stops {
            if let found = Self.find(stop, in: held), found < end || !stopped {
                (end, stopped) = (min(end, found), true)
            }
        }
        if stopped {
            let shown = String(decoding: held[..<end], as: UTF8.self)
            held.removeAll()
            return (shown, true)
        }
        // The longest tail that begins a stop string stays.
        var tail = 0
        for stop in stops {
            for length in stride(from: min(stop.count - 1, held.count), to: tail, by: -1)
            where held.suffix(length).elementsEqual(stop.prefix(length)) {
                tail = length
                break
            }
        }
        let shown = String(decoding: held.dropLast(tail), as: UTF8.self)
        held.removeFirst(held.count - tail)
        return (shown, false)
    }

    /// What was held back, when the text ends.
    mutating func finish() -> String {
        defer { held.removeAll() }
        return String(decoding: held, as: UTF8.self)
    }

    private static func find(_ needle: [UInt8], in text: [UInt8]) -> Int? {
        guard text.count >= needle.count else { return nil }
        return (0...(text.count - needle.count)).first { text[$0..<($0 + needle.count)].elementsEqual(needle) }
    }
}
