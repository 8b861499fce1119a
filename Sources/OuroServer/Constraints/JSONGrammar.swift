import Ouro

/// Grammars of JSON texts: any object, or what a schema describes.
///
/// The texts are compact: at most one space after a comma or a colon.
enum JSONGrammar {
    static func anyObject() throws -> Grammar {
        var builder = GrammarBuilder()
        let shared = SharedRules(&builder)
        return builder.finish(shared.object)
    }

    /// - Throws: ``APIError`` with status 400 for what is not supported.
    static func schema(_ schema: JSONSchema) throws -> Grammar {
        var compiler = JSONSchemaCompiler(schema)
        return try compiler.grammar()
    }

    /// Rules for any value of a type.
    struct SharedRules {
        let value: Int
        let object: Int
        let array: Int
        let string: Int
        let number: Int
        let integer: Int
        let boolean: Int
        let null: Int

        init(_ builder: inout GrammarBuilder) {
            let names = (0..<8).map { _ in builder.declareRule() }
            (value, object, array, string) = (names[0], names[1], names[2], names[3])
            (number, integer, boolean, null) = (names[4], names[5], names[6], names[7])
            let (value, object, array, string) = (value, object, array, string)
            let (number, integer, boolean, null) = (number, integer, boolean, null)
            builder.define(value) { builder in
                builder.choice([object, array, string, number, boolean, null].map { rule in { $0.call(rule) } })
            }
            builder.define(object) { builder in
                builder.literal("{")
                builder.optional { builder in
                    func member(_ builder: inout GrammarBuilder) {
                        builder.call(string)
                        builder.literal(":")
                        JSONGrammar.space(&builder)
                        builder.call(value)
                    }
                    member(&builder)
                    builder.anyNumber { builder in
                        builder.literal(",")
                        JSONGrammar.space(&builder)
                        member(&builder)
                    }
                }
                builder.literal("}")
            }
            builder.define(array) { builder in
                builder.literal("[")
                builder.optional { builder in
                    builder.call(value)
                    builder.anyNumber { builder in
                        builder.literal(",")
                        JSONGrammar.space(&builder)
                        builder.call(value)
                    }
                }
                builder.literal("]")
            }
            builder.define(string) { builder in
                builder.literal("\"")
                builder.anyNumber { JSONGrammar.character(&$0) }
                builder.literal("\"")
            }
            builder.define(integer) { JSONGrammar.integer(&$0) }
            builder.define(number) { builder in
                JSONGrammar.integer(&builder)
                builder.optional { builder in
                    builder.literal(".")
                    JSONGrammar.digits(&builder)
                }
                builder.optional { builder in
                    builder.set("eE".utf8)
                    builder.optional { $0.set("+-".utf8) }
                    JSONGrammar.digits(&builder)
                }
            }
            builder.define(boolean) { $0.choice([{ $0.literal("true") }, { $0.literal("false") }]) }
            builder.define(null) { $0.literal("null") }
        }

        func rule(_ type: String) -> Int? {
            switch type {
            case "object": object
            case "array": array
            case "string": string
            case "number": number
            case "integer": integer
            case "boolean": boolean
            case "null": null
            default: nil
            }
        }
    }

    static func space(_ builder: inout GrammarBuilder) { builder.optional { $0.literal(" ") } }

    private static func digits(_ builder: inout GrammarBuilder) {
        builder.set("0123456789".utf8)
        builder.anyNumber { $0.set("0123456789".utf8) }
    }

    private static func integer(_ builder: inout GrammarBuilder) {
        builder.optional { $0.literal("-") }
        builder.choice([
            { $0.literal("0") },
            { builder in
                builder.set("123456789".utf8)
                builder.anyNumber { $0.set("0123456789".utf8) }
            },
        ])
    }

    /// A character of a string: an escape, or UTF-8 of what needs none.
    private static func character(_ builder: inout GrammarBuilder) {
        let tail = UInt8(0x80)...0xBF
        func bytes(_ sets: [ClosedRange<UInt8>]) -> (inout GrammarBuilder) -> Void {
            { builder in for set in sets { builder.set(set) } }
        }
        let hex = Array("0123456789abcdefABCDEF".utf8)
        builder.choice([
            { $0.set((UInt8(0x20)...0x7F).filter { $0 != UInt8(ascii: "\"") && $0 != UInt8(ascii: "\\") }) },
            { builder in
                builder.literal("\\")
                builder.choice([
                    { $0.set("\"\\/bfnrt".utf8) },
                    { builder in
                        builder.literal("u")
                        for _ in 0..<4 { builder.set(hex) }
                    },
                ])
            },
            bytes([0xC2...0xDF, tail]), bytes([0xE0...0xE0, 0xA0...0xBF, tail]), bytes([0xE1...0xEC, tail, tail]),
            bytes([0xED...0xED, 0x80...0x9F, tail]), bytes([0xEE...0xEF, tail, tail]),
            bytes([0xF0...0xF0, 0x90...0xBF, tail, tail]), bytes([0xF1...0xF3, tail, tail, tail]),
            bytes([0xF4...0xF4, 0x80...0x8F, tail, tail]),
        ])
    }
}

extension JSONValue {
    /// The value on one line, members in the order of their names.
    var compact: String {
        switch self {
        case .null: "null"
        case .bool(let value): value ? "true" : "false"
        case .int(let value): "\(value)"
        case .double(let value): JSONOutput.double(value).text
        case .string(let value): JSONText.quote(value)
        case .array(let values): "[" + values.map(\.compact).joined(separator: ",") + "]"
        case .object(let members):
            "{"
                + members.sorted { $0.key < $1.key }.map { "\(JSONText.quote($0.key)):\($0.value.compact)" }
                .joined(separator: ",") + "}"
        }
    }
}
