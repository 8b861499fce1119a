import Foundation
import Ouro

/// Reads the members of a request's JSON object, and checks their types and ranges.
///
/// A null member counts as absent, because clients send null for missing values. Unknown members are ignored.
struct RequestFields {
    private let members: [String: JSONValue]
    let path: String
    /// The text of the whole request.
    private let text: Data?

    /// Reads the members from a request's body.
    ///
    /// - Throws: `APIError` with status 400 if the body is not a JSON object, has a key twice, or is nested too deeply.
    init(parsing data: Data) throws {
        let value: JSONValue
        do throws(OuroError) {
            value = try StrictJSON.decode(JSONValue.self, from: data, file: "body", code: .invalidRequest)
        } catch {
            throw APIError.badRequest(error.field, "the body is not a JSON object: \(error.message)")
        }
        guard case .object(let members) = value else {
            throw APIError.badRequest(nil, "the body is not a JSON object, but \(value.typeName)")
        }
        self.init(members, text: data)
    }

    init(_ members: [String: JSONValue], path: String = "", text: Data? = nil) {
        self.members = members.filter { $0.value != .null }
        self.path = path
        self.text = text
    }

    subscript(name: String) -> JSONValue? { members[name] }

    func has(_ name: String) -> Bool { members[name] != nil }

    func failure(_ name: String, _ message: String) -> APIError {
        .badRequest(path + name, "\(path)\(name): \(message)")
    }

    private func wrongType(_ name: String, _ expected: String, _ value: JSONValue) -> APIError {
        failure(name, "expected \(expected), found \(value.typeName)")
    }

    func string(_ name: String) throws -> String? {
        guard let value = members[name] else { return nil }
        guard case .string(let text) = value else { throw wrongType(name, "a string", value) }
        return text
    }

    func flag(_ name: String) throws -> Bool? {
        guard let value = members[name] else { return nil }
        guard case .bool(let flag) = value else { throw wrongType(name, "true or false", value) }
        return flag
    }

    func integer(_ name: String, _ range: ClosedRange<Int>) throws -> Int? {
        guard let value = members[name] else { return nil }
        switch value {
        case .int(let number) where range.contains(number): return number
        case .double(let number):
            guard let exact = Int(exactly: number), range.contains(exact) else { fallthrough }
            return exact
        case .int:
            throw failure(name, "expected an integer from \(range.lowerBound) to \(range.upperBound)")
        default: throw wrongType(name, "an integer", value)
        }
    }

    func number(_ name: String, _ range: ClosedRange<Double>) throws -> Double? {
        guard let value = members[name] else { return nil }
        let number: Double
        switch value {
        case .int(let whole): number = Double(whole)
        case .double(let real): number = real
        default: throw wrongType(name, "a number", value)
        }
        guard range.contains(number) else {
            throw failure(name, "expected a number from \(range.lowerBound) to \(range.upperBound), found \(number)")
        }
        return number
    }

    func float(_ name: String, _ range: ClosedRange<Double>) throws -> Float? {
        try number(name, range).map { Float($0) }
    }

    func object(_ name: String) throws -> RequestFields? {
        try values(name).map { RequestFields($0, path: "\(path)\(name).") }
    }

    /// An object with any members.
    func values(_ name: String) throws -> [String: JSONValue]? {
        guard let value = members[name] else { return nil }
        guard case .object(let inner) = value else { throw wrongType(name, "an object", value) }
        return inner
    }

    func array(_ name: String, limit: Int) throws -> [JSONValue]? {
        guard let value = members[name] else { return nil }
        guard case .array(let values) = value else { throw wrongType(name, "an array", value) }
        guard values.count <= limit else {
            throw failure(name, "expected at most \(limit) elements, found \(values.count)")
        }
        return values
    }

    /// A list of strings, or a single one.
    func strings(_ name: String, limit: Int) throws -> [String]? {
        if case .string(let text)? = members[name] { return [text] }
        return try array(name, limit: limit)?.map { value in
            guard case .string(let text) = value else { throw wrongType(name, "strings", value) }
            return text
        }
    }

    func integers(_ name: String, limit: Int) throws -> [Int]? {
        try array(name, limit: limit)?.map { value in
            guard case .int(let number) = value else { throw wrongType(name, "integers", value) }
            return number
        }
    }

    /// The order of members in the request's text, for all objects whose path begins with `prefix`.
    ///
    /// The keys of the result are the paths without the prefix. The result is empty if these fields are part of another
    /// object, because only the whole request has its text.
    func memberOrder(in prefix: String) throws -> [String: [String]] {
        guard let text else { return [:] }
        let order = try StrictJSON.memberOrder(text, file: "body", code: .invalidRequest)
        return order.reduce(into: [:]) { result, entry in
            if entry.key.hasPrefix(prefix) { result[String(entry.key.dropFirst(prefix.count))] = entry.value }
        }
    }

    /// Refuses an unsupported field that would change the meaning of the answer. Ignoring it would mislead the client.
    func refuse(_ name: String, unless isHarmless: (JSONValue) -> Bool, _ reason: String) throws {
        guard let value = members[name], !isHarmless(value) else { return }
        throw failure(name, reason)
    }
}
