import Foundation
import Ouro

/// Reads calls from the text of an answer, piece by piece. The events do not depend on how the text is cut.
///
/// A constraint makes the text follow the grammar of `ToolGrammar`, so the parser need not repair anything.
struct ToolCallParser: Sendable {
    private enum State: Sendable, Equatable {
        /// Before the first call.
        case text
        /// Before the name of a function is complete.
        case header
        /// Inside the JSON object of arguments.
        case arguments
        /// Between the parameters of the XML form.
        case parameters
        /// Inside the value of a parameter.
        case value
        /// After the arguments, before the closing mark.
        case tail
        /// After a call.
        case between
    }

    private let format: ToolFormat
    private let kinds: ExactDictionary<ExactDictionary<XMLParameter.Kind>>
    private var state: State
    /// Text that has arrived and is not used yet.
    private var pending: [UInt8] = []
    private var index = -1
    private var json = JSONBorder()
    private var name = ""
    private var parameter = ""
    private var parameterCount = 0
    private var hasText = false

    /// - Parameters:
    ///   - format: the form of the calls.
    ///   - tools: the tools that may be called.
    ///   - isRequired: whether the answer has nothing but calls.
    init(format: ToolFormat, tools: [Tool], isRequired: Bool) {
        self.format = format
        kinds = tools.reduce(into: [:]) { result, tool in
            guard format.style == .xml, let parameters = try? XMLParameter.all(of: tool) else { return }
            result[tool.name] = parameters.reduce(into: [:]) { $0[$1.name] = $1.kind }
        }
        state = .text
    }

    /// Reads more text.
    mutating func take(_ text: String, into events: inout [AnswerEvent]) {
        pending += text.utf8
        while step(into: &events) {}
    }

    /// Reads a mark that is a token without text.
    mutating func take(mark token: Int) {
        guard let marks = format.marks else { return }
        if token == marks.opening, state == .text || state == .between { (state, pending) = (.header, []) }
        if token == marks.closing, state == .tail { (state, pending) = (.between, []) }
    }

    /// Ends the answer. Text that was held back is shown, and the fragment of a call is left as it is.
    mutating func finish(into events: inout [AnswerEvent]) {
        if state == .text, !pending.isEmpty {
            show(pending.count, into: &events)
        }
        pending = []
    }

    private mutating func show(_ count: Int, into events: inout [AnswerEvent]) {
        guard count > 0 else { return }
        hasText = true
        events.append(.text(String(decoding: pending.prefix(count), as: UTF8.self)))
        pending.removeFirst(count)
    }

    private mutating func begin(_ name: String, into events: inout [AnswerEvent]) {
        index += 1
        self.name = name
        let id = "call_" + UUID().uuidString.replacing("-", with: "").lowercased().prefix(24)
        events.append(.callStart(index: index, id: id, name: name))
    }

    private func add(_ text: String, _ events: inout [AnswerEvent]) {
        if !text.isEmpty { events.append(.arguments(index: index, text)) }
    }

    /// Uses some of the pending text. Returns whether there may be more to do.
    private mutating func step(into events: inout [AnswerEvent]) -> Bool {
        switch state {
        case .text: return stepText(into: &events)
        case .header: return format.style == .xml ? stepFunction(into: &events) : stepName(into: &events)
        case .arguments:
            let (used, isDone) = json.scan(pending)
            add(String(decoding: pending.prefix(used), as: UTF8.self), &events)
            pending.removeFirst(used)
            if isDone { state = .tail }
            return isDone
        case .parameters: return stepParameters(into: &events)
        case .value: return stepValue(into: &events)
        case .tail:
            guard format.marks == nil, format.style != .bare, let end = find(ToolFormat.closing) else { return false }
            pending.removeFirst(end + ToolFormat.closing.utf8.count)
            state = .between
            return true
        case .between:
            guard format.marks == nil, format.style != .bare, let start = find(ToolFormat.opening) else { return false }
            pending.removeFirst(start + ToolFormat.opening.utf8.count)
            state = .header
            return true
        }
    }

    /// Shows text up to the first call. White space before a call is left out if nothing else comes before it.
    private mutating func stepText(into events: inout [AnswerEvent]) -> Bool {
        let spaces = pending.prefix { MarkScanner.isSpace($0) }.count
        if !hasText, spaces == pending.count { return false }
        if format.style == .bare {
            if !hasText, pending[spaces] == UInt8(ascii: "{") {
                state = .header
                return true
            }
            show(pending.count, into: &events)
            return false
        }
        guard format.marks == nil else {
            show(pending.count, into: &events)
            return false
        }
        if let start = find(ToolFormat.opening) {
            if start > spaces || hasText { show(start, into: &events) } else { pending.removeFirst(start) }
            pending.removeFirst(ToolFormat.opening.utf8.count)
            state = .header
            return true
        }
        let held = partial(ToolFormat.opening)
        if pending.count - held > spaces || hasText { show(pending.count - held, into: &events) }
        return false
    }

    /// Reads `{"name": "f", "arguments": ` before the arguments.
    private mutating func stepName(into events: inout [AnswerEvent]) -> Bool {
        // The quotes around "name" and around the name itself. A name has no quotes inside.
        let quotes = pending.indices.filter { pending[$0] == UInt8(ascii: "\"") }.prefix(4)
        guard quotes.count == 4, let first = quotes.dropFirst(2).first, let last = quotes.last else { return false }
        let key = Array(JSONText.quote(format.argumentsKey).utf8)
        guard let place = Self.find(key, in: pending[(last + 1)...]),
            let brace = pending[(place + key.count)...].firstIndex(of: UInt8(ascii: "{"))
        else { return false }
        begin(String(decoding: pending[(first + 1)..<last], as: UTF8.self), into: &events)
        pending.removeFirst(brace)
        (json, state) = (JSONBorder(), .arguments)
        return true
    }

    /// Reads `<function=f>`.
    private mutating func stepFunction(into events: inout [AnswerEvent]) -> Bool {
        guard let text = between("<function=", ">") else { return false }
        begin(text, into: &events)
        add("{", &events)
        (parameterCount, state) = (0, .parameters)
        return true
    }

    /// Reads `<parameter=a>` or `</function>`.
    private mutating func stepParameters(into events: inout [AnswerEvent]) -> Bool {
        let ending = find("</function>")
        let next = find("<parameter=")
        if let ending, ending < next ?? .max {
            pending.removeFirst(ending + "</function>".utf8.count)
            add("}", &events)
            state = .tail
            return true
        }
        guard let text = between("<parameter=", ">\n") else { return false }
        parameter = text
        add((parameterCount > 0 ? ", " : "") + JSONText.quote(text) + ": ", &events)
        if isText { add("\"", &events) }
        parameterCount += 1
        state = .value
        return true
    }

    private var isText: Bool {
        switch kinds[name]?[parameter] {
        case .text, .oneOf: true
        case .json, nil: false
        }
    }

    private mutating func stepValue(into events: inout [AnswerEvent]) -> Bool {
        let mark = "\n</parameter>"
        let end = find(mark)
        let count = end ?? pending.count - partial(mark)
        let text = String(decoding: pending.prefix(count), as: UTF8.self)
        add(isText ? String(JSONText.quote(text).dropFirst().dropLast()) : text, &events)
        pending.removeFirst(count)
        guard end != nil else { return false }
        pending.removeFirst(mark.utf8.count)
        if isText { add("\"", &events) }
        state = .parameters
        return true
    }

    /// The text between two marks, which is then used up with them.
    private mutating func between(_ opening: String, _ closing: String) -> String? {
        guard let start = find(opening) else { return nil }
        let first = start + opening.utf8.count
        guard let end = Self.find(Array(closing.utf8), in: pending[first...]) else { return nil }
        let text = String(decoding: pending[first..<end], as: UTF8.self)
        pending.removeFirst(end + closing.utf8.count)
        return text
    }

    private func find(_ mark: String) -> Int? { Self.find(Array(mark.utf8), in: pending[...]) }

    private static func find(_ needle: [UInt8], in bytes: ArraySlice<UInt8>) -> Int? {
        guard bytes.count >= needle.count else { return nil }
        return (bytes.startIndex...(bytes.endIndex - needle.count)).first {
            bytes[$0..<($0 + needle.count)].elementsEqual(needle)
        }
    }

    /// The length of the beginning of a mark at the end of the pending text.
    private func partial(_ mark: String) -> Int {
        let bytes = Array(mark.utf8)
        for length in stride(from: min(bytes.count - 1, pending.count), to: 0, by: -1)
        where pending.suffix(length).elementsEqual(bytes.prefix(length)) { return length }
        return 0
    }
}

/// Finds the end of a JSON object in a text that arrives in pieces.
struct JSONBorder: Sendable {
    private var depth = 0
    private var isInString = false
    private var isEscaped = false

    /// Reads bytes. Returns how many of them belong to the object, and whether it is complete.
    mutating func scan(_ bytes: [UInt8]) -> (used: Int, isDone: Bool) {
        for (index, byte) in bytes.enumerated() {
            if isInString {
                if isEscaped {
                    isEscaped = false
                } else if byte == UInt8(ascii: "\\") {
                    isEscaped = true
                } else if byte == UInt8(ascii: "\"") {
                    isInString = false
                }
                continue
            }
            switch byte {
            case UInt8(ascii: "\""): isInString = true
            case UInt8(ascii: "{"), UInt8(ascii: "["): depth += 1
            case UInt8(ascii: "}"), UInt8(ascii: "]"):
                depth -= 1
                if depth == 0 { return (index + 1, true) }
            default: break
            }
        }
        return (bytes.count, false)
    }
}
