import Foundation

/// The members of an object in a configuration file, with methods that read a member as a type.
///
/// A member that is null counts as absent, as in the reference implementation. Members that no code reads are ignored.
package struct ConfigurationFields {
    /// Most bytes that a configuration file may have. Published files have a few thousand.
    static let fileLimit = 1 << 20

    /// All members, including those that are null.
    package let members: [String: JSONValue]
    let file: String
    /// The prefix of a member's name in errors: empty, or the object's own path and a dot.
    private let path: String

    /// Reads a file.
    ///
    /// - Throws: ``OuroError`` with code `unreadableFile`, or with `invalidConfiguration` if the file is not a JSON
    ///   object.
    package init(contentsOf url: URL) throws(OuroError) {
        let data = try StrictJSON.read(url, limit: Self.fileLimit, code: .invalidConfiguration)
        try self.init(parsing: data, file: url.path)
    }

    init(parsing data: Data, file: String) throws(OuroError) {
        let members = try StrictJSON.decode(
            [String: JSONValue].self, from: data, file: file, code: .invalidConfiguration)
        self.init(members: members, file: file, path: "")
    }

    private init(members: [String: JSONValue], file: String, path: String) {
        self.members = members
        self.file = file
        self.path = path
    }

    /// A member. Nil if it is absent or null.
    subscript(name: String) -> JSONValue? {
        let value = members[name]
        return value == .null ? nil : value
    }

    /// A name from the file for an error message: in quotes, and cut after 40 characters.
    static func quote(_ text: String) -> String { String(text.prefix(40)).debugDescription }

    /// An error about a member.
    func failure(
        _ name: String, code: OuroError.Code = .invalidConfiguration, _ message: String
    ) -> OuroError {
        OuroError(code, file: file, field: path + name, message)
    }

    // MARK: members by type; all methods throw `invalidConfiguration` if the value has another type

    /// An integer. `1e6` and `10000.0` are integers too.
    func integer(_ name: String) throws(OuroError) -> Int? {
        guard let value = self[name] else { return nil }
        guard let number = value.exactInteger else { throw mismatch(name, value, "an integer") }
        return number
    }

    /// A number.
    func number(_ name: String) throws(OuroError) -> Double? {
        switch self[name] {
        case nil: return nil
        case .int(let value)?: return Double(value)
        case .double(let value)?: return value
        case let value?: throw mismatch(name, value, "a number")
        }
    }

    /// A boolean.
    func flag(_ name: String) throws(OuroError) -> Bool? {
        switch self[name] {
        case nil: return nil
        case .bool(let value)?: return value
        case let value?: throw mismatch(name, value, "true or false")
        }
    }

    /// A string.
    func string(_ name: String) throws(OuroError) -> String? {
        switch self[name] {
        case nil: return nil
        case .string(let value)?: return value
        case let value?: throw mismatch(name, value, "a string")
        }
    }

    /// An array of strings.
    func strings(_ name: String) throws(OuroError) -> [String]? {
        guard let value = self[name] else { return nil }
        guard case .array(let elements) = value else { throw mismatch(name, value, "an array of strings") }
        var result: [String] = []
        for (index, element) in elements.enumerated() {
            guard case .string(let text) = element else { throw mismatch("\(name).\(index)", element, "a string") }
            result.append(text)
        }
        return result
    }

    /// One token ID, or an array of token IDs.
    func tokens(_ name: String) throws(OuroError) -> [Int]? {
        guard let value = self[name] else { return nil }
        guard case .array(let elements) = value else { return [try token(name, value)] }
        var result: [Int] = []
        for (index, element) in elements.enumerated() { result.append(try token("\(name).\(index)", element)) }
        return result
    }

    /// One token ID.
    func token(_ name: String) throws(OuroError) -> Int? {
        guard let value = self[name] else { return nil }
        return try token(name, value)
    }

    private func token(_ name: String, _ value: JSONValue) throws(OuroError) -> Int {
        guard let id = value.exactInteger, id >= 0 else { throw mismatch(name, value, "a token id") }
        return id
    }

    /// An object inside this one.
    func section(_ name: String) throws(OuroError) -> ConfigurationFields? {
        guard let value = self[name] else { return nil }
        guard case .object(let members) = value else { throw mismatch(name, value, "an object") }
        return ConfigurationFields(members: members, file: file, path: path + name + ".")
    }

    /// A member without a default. `read` is one of the methods above: `required("vocab_size", integer)`.
    func required<Value>(
        _ name: String, _ read: (String) throws(OuroError) -> Value?
    ) throws(OuroError) -> Value {
        guard let value = try read(name) else { throw failure(name, "the field is missing and has no default; add it") }
        return value
    }

    private func mismatch(_ name: String, _ value: JSONValue, _ expected: String) -> OuroError {
        failure(name, "expected \(expected), found \(value.summary)")
    }
}

extension JSONValue {
    /// The value as an integer. Nil if it is not a number, has a fraction, or does not fit into 64 bits.
    fileprivate var exactInteger: Int? {
        switch self {
        case .int(let value): value
        case .double(let value): Int(exactly: value)
        default: nil
        }
    }

    /// The value for an error message. Numbers, booleans and short strings appear themselves; other values as their
    /// type.
    var summary: String {
        switch self {
        case .bool(let value): "\(value)"
        case .int(let value): "\(value)"
        case .double(let value): "\(value)"
        case .string(let value): ConfigurationFields.quote(value)
        default: typeName
        }
    }
}
