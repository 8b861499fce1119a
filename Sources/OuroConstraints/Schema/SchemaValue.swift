import Ouro

/// A JSON value of a schema, with members in their order and numbers with all their digits.
///
/// Names are compared by their bytes. Swift's own comparison takes some strings with different bytes for equal.
indirect enum SchemaValue: Sendable {
    case null
    case bool(Bool)
    /// The number as it is written.
    case number(String)
    case string(String)
    case array([SchemaValue])
    case object(SchemaObject)

    /// Its type, for error messages.
    var typeName: String {
        switch self {
        case .null: "null"
        case .bool: "a boolean"
        case .number: "a number"
        case .string: "a string"
        case .array: "an array"
        case .object: "an object"
        }
    }

    /// JSON schema's name of the type. It is `number` for integers too.
    var schemaType: String {
        switch self {
        case .null: "null"
        case .bool: "boolean"
        case .number: "number"
        case .string: "string"
        case .array: "array"
        case .object: "object"
        }
    }

    /// The value on one line.
    var text: String {
        switch self {
        case .null: "null"
        case .bool(let value): value ? "true" : "false"
        case .number(let text): text
        case .string(let value): JSONText.quote(value)
        case .array(let values): "[" + values.map(\.text).joined(separator: ",") + "]"
        case .object(let object):
            "{" + object.members.map { "\(JSONText.quote($0.name)):\($0.value.text)" }.joined(separator: ",") + "}"
        }
    }

    /// Bytes that are equal for equal values: the order of members does not count.
    var identity: [UInt8] {
        switch self {
        case .number(let text):
            guard let number = DecimalNumber(text) else { return Array(text.utf8) }
            return [number.isNegative ? 0x2D : 0x2B] + number.whole.map { $0 + 0x30 } + [0x2E]
                + number.fraction.map { $0 + 0x30 }
        case .null, .bool, .string: return Array(text.utf8)
        case .array(let values): return [0x5B] + values.flatMap { $0.identity + [0x2C] } + [0x5D]
        case .object(let object):
            let members = object.members.map { Array(JSONText.quote($0.name).utf8) + $0.value.identity }
            return [0x7B] + members.sorted { $0.lexicographicallyPrecedes($1) }.flatMap { $0 + [0x2C] } + [0x7D]
        }
    }
}

/// The members of a JSON object, in order.
struct SchemaObject: Sendable {
    let members: [(name: String, value: SchemaValue)]
    private let places: [[UInt8]: Int]

    init(_ members: [(name: String, value: SchemaValue)]) {
        self.members = members
        places = Dictionary(
            members.enumerated().map { (Array($0.element.name.utf8), $0.offset) },
            uniquingKeysWith: { first, _ in first })
    }

    subscript(name: String) -> SchemaValue? { places[Array(name.utf8)].map { members[$0].value } }
}

extension SchemaValue {
    /// Converts a JSON value.
    ///
    /// - Parameters:
    ///   - value: the value.
    ///   - count: the number of values so far.
    init(_ value: JSONValue, _ count: inout Int) throws(OuroError) {
        count += 1
        guard count <= JSONSchema.valueLimit else {
            throw OuroError(
                .invalidRequest, field: "schema",
                "the schema is too large: it has more than \(JSONSchema.valueLimit) values")
        }
        switch value {
        case .null: self = .null
        case .bool(let value): self = .bool(value)
        case .int(let value): self = .number("\(value)")
        case .bigInteger(let digits): self = .number(digits)
        case .double(let value): self = .number("\(value)")
        case .string(let value): self = .string(value)
        case .array(let values):
            var list: [SchemaValue] = []
            for value in values { list.append(try SchemaValue(value, &count)) }
            self = .array(list)
        case .object(let object):
            var members: [(name: String, value: SchemaValue)] = []
            for (name, value) in object { members.append((name, try SchemaValue(value, &count))) }
            self = .object(SchemaObject(members))
        }
    }
}
