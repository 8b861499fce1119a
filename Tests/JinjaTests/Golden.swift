import Foundation
import Testing

@testable import Jinja

/// Small templates with the output of Python's Jinja. `Scripts/generate_jinja_goldens.py` writes the file.
struct Golden: Decodable {
    struct Case: Decodable {
        let template: String
        let text: String
    }

    private let context: [String: JSON]
    let cases: [Case]
    /// Templates that Python's Jinja rejects.
    let failing: [String]

    /// The variables that every template gets.
    var variables: [String: Value] {
        get throws { try context.mapValues { try $0.value } }
    }

    /// Reads the golden file, or the file that `Scripts/fuzz_jinja.py` names.
    static func load() throws -> Golden {
        var url = try #require(Bundle.module.resourceURL).appendingPathComponent("Fixtures/jinja_golden.json")
        if let path = ProcessInfo.processInfo.environment["OURO_JINJA_GOLDEN"] { url = URL(fileURLWithPath: path) }
        return try JSONDecoder().decode(Golden.self, from: Data(contentsOf: url))
    }
}

/// A JSON value of the golden file. `value` sorts the members of objects by name.
private indirect enum JSON: Decodable {
    case null
    case bool(Bool)
    case int(Int)
    case double(Double)
    case string(String)
    case array([JSON])
    case object([String: JSON])

    init(from decoder: any Decoder) throws {
        let container = try decoder.singleValueContainer()
        if container.decodeNil() {
            self = .null
        } else if let value = try? container.decode(Bool.self) {
            self = .bool(value)
        } else if let value = try? container.decode(Int.self) {
            self = .int(value)
        } else if let value = try? container.decode(Double.self) {
            self = .double(value)
        } else if let value = try? container.decode(String.self) {
            self = .string(value)
        } else if let value = try? container.decode([JSON].self) {
            self = .array(value)
        } else {
            self = .object(try container.decode([String: JSON].self))
        }
    }

    var value: Value {
        get throws {
            switch self {
            case .null: return .none
            case .bool(let flag): return .bool(flag)
            case .int(let number): return .int(number)
            case .double(let number): return .float(number)
            case .string(let text): return .string(text)
            case .array(let items): return try .makeList(items.map { try $0.value })
            case .object(let members):
                var mapping = Mapping()
                for (name, member) in members.sorted(by: { $0.key < $1.key }) {
                    try mapping.set(member.value, for: .string(name))
                }
                return .dict(mapping)
            }
        }
    }
}
