import Foundation
import Ouro

/// Reads the members of a request's JSON object, and checks their types and ranges.
///
/// This is ``Ouro/Fields`` with errors for clients. A null member counts as absent, because clients send null for missing
/// values. Unknown members are ignored.
struct RequestFields: Sendable {
    private let fields: Fields

    /// Reads the members from a request's body.
    ///
    /// - Throws: `APIError` with status 400 if the body is not a JSON object, has a key twice, has too many values, or is
    ///   nested too deeply. The error names the line and the column.
    init(parsing body: some ContiguousBytes) throws(APIError) {
        do throws(OuroError) {
            fields = try Fields(
                parsing: body, source: .init(code: .invalidRequest, file: nil), limits: .request)
        } catch {
            throw APIError.badRequest(error.field, "the body cannot be read: \(error.description)")
        }
    }

    init(_ members: JSONObject, path: String = "") {
        self.init(Fields(members, path: path, source: .init(code: .invalidRequest, file: nil)))
    }

    private init(_ fields: Fields) { self.fields = fields }

    subscript(name: String) -> JSONValue? { fields[name] }

    /// All members, including those that are null.
    var members: JSONObject { fields.members }

    func has(_ name: String) -> Bool { fields.has(name) }

    func failure(_ name: String, _ message: String) -> APIError { APIError(fields.failure(name, message)) }

    private func read<Value>(_ body: (Fields) throws(OuroError) -> Value) throws(APIError) -> Value {
        do throws(OuroError) { return try body(fields) } catch { throw APIError(error) }
    }

    func string(_ name: String, bytes: ClosedRange<Int>? = nil) throws(APIError) -> String? {
        try read { fields throws(OuroError) in try fields.string(name, bytes: bytes) }
    }

    func flag(_ name: String) throws(APIError) -> Bool? {
        try read { fields throws(OuroError) in try fields.flag(name) }
    }

    func integer(_ name: String, _ range: ClosedRange<Int>) throws(APIError) -> Int? {
        try read { fields throws(OuroError) in try fields.integer(name, range) }
    }

    func number(_ name: String, _ range: ClosedRange<Double>) throws(APIError) -> Double? {
        try read { fields throws(OuroError) in try fields.number(name, range) }
    }

    func float(_ name: String, _ range: ClosedRange<Double>) throws(APIError) -> Float? {
        try number(name, range).map { Float($0) }
    }

    func choice(_ name: String, of words: [String]) throws(APIError) -> String? {
        try read { fields throws(OuroError) in try fields.choice(name, of: words) }
    }

    func object(_ name: String) throws(APIError) -> RequestFields? {
        try read { fields throws(OuroError) in try fields.object(name) }.map { RequestFields($0) }
    }

    /// The objects of an array.
    func objects(_ name: String, count: ClosedRange<Int>) throws(APIError) -> [RequestFields]? {
        try read { fields throws(OuroError) in try fields.objects(name, count: count) }?.map { RequestFields($0) }
    }

    /// An object with any members.
    func values(_ name: String) throws(APIError) -> JSONObject? { try object(name)?.members }

    func array(_ name: String, limit: Int) throws(APIError) -> [JSONValue]? {
        try read { fields throws(OuroError) in try fields.array(name, count: 0...limit) }
    }

    /// A list of strings, or a single one.
    func strings(_ name: String, limit: Int, bytes: ClosedRange<Int>? = nil) throws(APIError) -> [String]? {
        if case .string? = self[name] { return try string(name, bytes: bytes).map { [$0] } }
        return try read { fields throws(OuroError) in try fields.strings(name, count: 0...limit, bytes: bytes) }
    }

    func integers(_ name: String, _ range: ClosedRange<Int>, limit: Int) throws(APIError) -> [Int]? {
        try read { fields throws(OuroError) in try fields.integers(name, range, count: 0...limit) }
    }

    /// Refuses an unsupported field that would change the meaning of the answer. Ignoring it would mislead the client.
    func refuse(_ name: String, unless isHarmless: (JSONValue) -> Bool, _ reason: String) throws(APIError) {
        guard let value = self[name], !isHarmless(value) else { return }
        throw failure(name, reason)
    }
}
