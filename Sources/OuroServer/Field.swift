import Ouro

/// One field of a request. The readers check values by it, and `/openapi.json` and `/docs` describe it.
struct Field: Sendable {
    /// The type and the range of a field.
    enum Kind: Sendable {
        case text
        case flag
        case integer(ClosedRange<Int>)
        case number(ClosedRange<Double>)
        /// One of some words.
        case word([String])
        /// A text, or a list of texts.
        case texts(limit: Int)
        case integers(limit: Int)
        /// An object with any members.
        case object
        /// A list of objects, at least one if it must not be empty.
        case objects(least: Int, limit: Int)
        /// A schema of its own.
        case schema(JSONOutput)
    }

    let name: String
    let kind: Kind
    /// The value that a request without the field gets, as text.
    let standard: String
    let about: String
    let isRequired: Bool

    init(_ name: String, _ kind: Kind, _ standard: String, _ about: String) {
        (self.name, self.kind, self.standard, self.about) = (name, kind, standard, about)
        isRequired = false
    }

    /// A field without a standard value.
    init(_ name: String, _ kind: Kind, _ about: String, isRequired: Bool = false) {
        (self.name, self.kind, self.standard, self.about) = (name, kind, "", about)
        self.isRequired = isRequired
    }
}

extension RequestFields {
    func integer(_ field: Field) throws(APIError) -> Int? {
        guard case .integer(let range) = field.kind else { return nil }
        return try integer(field.name, range)
    }

    func float(_ field: Field) throws(APIError) -> Float? {
        guard case .number(let range) = field.kind else { return nil }
        return try float(field.name, range)
    }

    func flag(_ field: Field) throws(APIError) -> Bool? { try flag(field.name) }

    func string(_ field: Field, bytes: ClosedRange<Int>? = nil) throws(APIError) -> String? {
        try string(field.name, bytes: bytes)
    }

    /// One of the words of a field.
    func word(_ field: Field) throws(APIError) -> String? {
        guard case .word(let words) = field.kind else { return nil }
        return try choice(field.name, of: words)
    }

    func strings(_ field: Field, bytes: ClosedRange<Int>? = nil) throws(APIError) -> [String]? {
        guard case .texts(let limit) = field.kind else { return nil }
        return try strings(field.name, limit: limit, bytes: bytes)
    }

    func integers(_ field: Field, _ range: ClosedRange<Int>) throws(APIError) -> [Int]? {
        guard case .integers(let limit) = field.kind else { return nil }
        return try integers(field.name, range, limit: limit)
    }
}
