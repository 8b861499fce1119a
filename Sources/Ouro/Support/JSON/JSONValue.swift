/// A JSON value of unknown shape, as in configuration files, requests and template arguments.
public enum JSONValue: Sendable {
    /// `null`.
    case null
    /// `true` or `false`.
    case bool(Bool)
    /// A number without fraction and exponent that fits into 64 bits.
    case int(Int)
    /// A number without fraction and exponent that does not fit into 64 bits: its digits, with a leading `-` if it is
    /// negative.
    case bigInteger(String)
    /// Any other number.
    case double(Double)
    /// A string.
    case string(String)
    /// An array, in order.
    case array([JSONValue])
    /// An object, in the order of its text.
    case object(JSONObject)
}

/// The members of a JSON object, in the order of its text. Keys are compared by their UTF-8 bytes.
public typealias JSONObject = ExactDictionary<JSONValue>

extension JSONValue: Equatable {
    /// Whether two values are the same. Strings are compared by their UTF-8 bytes. The order of an object's members does
    /// not count. `1` and `1.0` are different.
    public static func == (left: JSONValue, right: JSONValue) -> Bool {
        switch (left, right) {
        case (.null, .null): true
        case (.bool(let one), .bool(let other)): one == other
        case (.int(let one), .int(let other)): one == other
        case (.double(let one), .double(let other)): one == other
        case (.bigInteger(let one), .bigInteger(let other)), (.string(let one), .string(let other)):
            one.hasSameBytes(as: other)
        case (.array(let one), .array(let other)): one == other
        case (.object(let one), .object(let other)): one == other
        default: false
        }
    }
}

extension JSONValue {
    /// Parses a text.
    ///
    /// - Parameters:
    ///   - text: the text of one JSON value.
    /// - Throws: ``OuroError`` with code `invalidData` if the text is not JSON, has a key twice in one object, or is
    ///   nested deeper than 64 levels. The error names the line and the column.
    public init(parsing text: String) throws(OuroError) {
        try self.init(parsing: Array(text.utf8), file: nil, code: .invalidData)
    }

    /// The value as JSON on one line. Objects keep their order. Numbers that are not finite become `null`.
    public var text: String { JSONOutput.value(self).text }

    /// The member of an object. Nil if the key is missing or the value is not an object.
    public subscript(key: String) -> JSONValue? {
        if case .object(let members) = self { members[key] } else { nil }
    }

    /// The value as an integer. Nil if it is not a number, has a fraction, or does not fit into 64 bits. `1e6` and `2.0`
    /// are integers.
    package var exactInteger: Int? {
        switch self {
        case .int(let value): value
        case .double(let value): Int(exactly: value)
        default: nil
        }
    }

    /// The value as a double; nil if it is not a number. It is infinite for an integer beyond the range of doubles.
    package var number: Double? {
        switch self {
        case .int(let value): Double(value)
        case .double(let value): value
        case .bigInteger(let digits): Double(digits)
        default: nil
        }
    }

    /// Whether the value is the given string, byte for byte.
    package func isString(_ text: String) -> Bool {
        if case .string(let own) = self { own.hasSameBytes(as: text) } else { false }
    }

    /// The name of the value's type, for error messages: `an integer`.
    public var typeName: String {
        switch self {
        case .null: "null"
        case .bool: "a boolean"
        case .int, .bigInteger: "an integer"
        case .double: "a number"
        case .string: "a string"
        case .array: "an array"
        case .object: "an object"
        }
    }
}
