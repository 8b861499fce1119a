/// Why a generation ended.
public enum FinishReason: String, Sendable {
    /// The model produced an end-of-text token, a stop token or a stop string.
    case stop
    /// The generation reached `maxTokens` or the end of the model's context.
    case length
}

/// Finds stop strings in a text that arrives in pieces. It holds back text that may be the beginning of a stop string.
struct StopMatcher: Sendable {
    private let stops: [[UInt8]]
    private let includesStop: Bool
    /// Where stop strings cease to apply: after this text, everything is shown.
    private let border: [UInt8]
    private var isOff: Bool
    private var held: [UInt8] = []
    /// The stop string that was found.
    var matched: String?

    init(_ stops: [String], includesStop: Bool = false, border: String? = nil) {
        self.stops = stops.map { Array($0.utf8) }.filter { !$0.isEmpty }
        self.includesStop = includesStop
        self.border = Array((border ?? "").utf8)
        isOff = self.stops.isEmpty
    }

    /// Appends text. Returns the text that may be shown, and whether a stop string was found. The stop string itself is
    /// shown only if the request asks for it.
    mutating func append(_ text: String) -> (text: String, stopped: Bool) {
        guard !isOff else { return (text, false) }
        held.append(contentsOf: text.utf8)
        var first: (start: Int, stop: [UInt8])?
        for stop in stops {
            if let found = Self.find(stop, in: held), found < first?.start ?? .max { first = (found, stop) }
        }
        if !border.isEmpty, let found = Self.find(border, in: held), found < first?.start ?? .max {
            isOff = true
            return (finish(), false)
        }
        if let (start, stop) = first {
            matched = String(decoding: stop, as: UTF8.self)
            let shown = String(decoding: held[..<(includesStop ? start + stop.count : start)], as: UTF8.self)
            held.removeAll()
            return (shown, true)
        }
        // The longest tail that begins a stop string or the border is held back.
        var tail = 0
        for stop in border.isEmpty ? stops : stops + [border] {
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

    /// Ends the text. Returns the text that was held back.
    mutating func finish() -> String {
        defer { held.removeAll() }
        return String(decoding: held, as: UTF8.self)
    }

    /// The first place of a byte string in a text.
    private static func find(_ needle: [UInt8], in text: [UInt8]) -> Int? {
        guard text.count >= needle.count else { return nil }
        return (0...(text.count - needle.count)).first { text[$0..<($0 + needle.count)].elementsEqual(needle) }
    }
}
