/// The rules of JSON itself: one for any value, and one for any value of every type.
///
/// The texts are compact: at most one space after a comma or a colon, no other white space.
struct JSONRules {
    typealias Rule = GrammarBuilder.Rule

    static let types = ["object", "array", "string", "number", "integer", "boolean", "null"]

    let value: Rule
    private let byType: [String: Rule]

    /// The rule for any value of a type, by its JSON schema name; nil for an unknown name.
    subscript(type: String) -> Rule? { byType[type] }

    init(_ builder: inout GrammarBuilder) {
        let value = builder.declareRule()
        let string = builder.declareRule()
        self.value = value
        var byType = ["string": string]
        func define(_ type: String, _ body: (inout GrammarBuilder) -> Void) {
            let rule = builder.declareRule()
            builder.define(rule, body)
            byType[type] = rule
        }
        builder.define(string) { builder in
            builder.literal("\"")
            builder.anyNumber { Self.character(&$0) }
            builder.literal("\"")
        }
        define("object") { builder in
            Self.list(&builder, "{", "}") { builder in
                builder.call(string)
                builder.literal(":")
                Self.space(&builder)
                builder.call(value)
            }
        }
        define("array") { builder in Self.list(&builder, "[", "]") { $0.call(value) } }
        define("integer") { Self.integer(&$0) }
        define("number") { builder in
            Self.integer(&builder)
            builder.optional { builder in
                builder.literal(".")
                Self.digits(&builder)
            }
            builder.optional { builder in
                builder.byte(of: "eE".utf8)
                builder.optional { $0.byte(of: "+-".utf8) }
                Self.digits(&builder)
            }
        }
        define("boolean") { $0.choice([{ $0.literal("true") }, { $0.literal("false") }]) }
        define("null") { $0.literal("null") }
        let all = ["object", "array", "string", "number", "boolean", "null"].compactMap { byType[$0] }
        builder.define(value) { builder in builder.choice(all.map { rule in { $0.call(rule) } }) }
        self.byType = byType
    }

    /// A comma and an optional space.
    static func comma(_ builder: inout GrammarBuilder) {
        builder.literal(",")
        space(&builder)
    }

    static func space(_ builder: inout GrammarBuilder) { builder.optional { $0.literal(" ") } }

    /// Any number of elements with commas between them, in brackets.
    private static func list(
        _ builder: inout GrammarBuilder, _ open: String, _ close: String, element: (inout GrammarBuilder) -> Void
    ) {
        builder.literal(open)
        builder.optional { builder in
            element(&builder)
            builder.anyNumber { builder in
                comma(&builder)
                element(&builder)
            }
        }
        builder.literal(close)
    }

    private static func digits(_ builder: inout GrammarBuilder) {
        builder.byte(of: "0123456789".utf8)
        builder.anyNumber { $0.byte(of: "0123456789".utf8) }
    }

    private static func integer(_ builder: inout GrammarBuilder) {
        builder.optional { $0.literal("-") }
        builder.choice([
            { $0.literal("0") },
            { builder in
                builder.byte(of: "123456789".utf8)
                builder.anyNumber { $0.byte(of: "0123456789".utf8) }
            },
        ])
    }

    /// A character of a string: an escape sequence, or the UTF-8 bytes of a character that needs none.
    private static func character(_ builder: inout GrammarBuilder) {
        let tail = UInt8(0x80)...0xBF
        func bytes(_ sets: [ClosedRange<UInt8>]) -> (inout GrammarBuilder) -> Void {
            { builder in for set in sets { builder.byte(of: set) } }
        }
        let hex = Array("0123456789abcdefABCDEF".utf8)
        builder.choice([
            { $0.byte(of: (UInt8(0x20)...0x7F).filter { $0 != UInt8(ascii: "\"") && $0 != UInt8(ascii: "\\") }) },
            { builder in
                builder.literal("\\")
                builder.choice([
                    { $0.byte(of: "\"\\/bfnrt".utf8) },
                    { builder in
                        builder.literal("u")
                        for _ in 0..<4 { builder.byte(of: hex) }
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
