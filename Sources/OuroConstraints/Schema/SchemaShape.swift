/// A schema, or the part of it that is being read, and its place for error messages.
struct SchemaPlace: Sendable {
    let value: SchemaValue
    let path: String

    func member(_ name: String, _ value: SchemaValue) -> SchemaPlace {
        SchemaPlace(value: value, path: path + Self.step(name))
    }

    func element(_ index: Int, _ value: SchemaValue) -> SchemaPlace {
        SchemaPlace(value: value, path: "\(path)[\(index)]")
    }

    /// The part of a path for a name. Names that are no plain words are quoted, so that no two places have one path.
    static func step(_ name: String) -> String {
        let isPlain = !name.isEmpty && name.utf8.allSatisfy { $0 != 0x2E && $0 != 0x5B && $0 != 0x22 && $0 > 0x20 }
        return isPlain ? ".\(name)" : "[\(SchemaValue.string(name).text)]"
    }
}

/// Everything that one or more schemas together require, keyword by keyword. A value matches if it matches all of them.
struct SchemaShape {
    /// The alternatives of an `anyOf` or `oneOf`. Each is a list of schemas that must all match.
    struct Group {
        var options: [[SchemaPlace]]
        let path: String
    }

    struct Strings {
        var patterns: [(text: String, path: String)] = []
        /// Known formats.
        var formats: [(name: String, path: String)] = []
        var least = 0
        var most: Int?

        var isFree: Bool { patterns.isEmpty && formats.isEmpty && least == 0 && most == nil }
    }

    struct Arrays {
        struct Part {
            var prefix: [SchemaPlace] = []
            /// The schema of the elements after `prefix`.
            var items: SchemaPlace?
        }
        var parts: [Part] = []
        var least = 0
        var most: Int?
        /// The place of `uniqueItems`, if it is true.
        var unique: String?

        var isFree: Bool { parts.isEmpty && least == 0 && most == nil && unique == nil }
    }

    struct Objects {
        struct Part {
            let properties: [(name: String, schema: SchemaPlace)]
            let additional: SchemaPlace?
            private let places: [[UInt8]: Int]

            init(properties: [(name: String, schema: SchemaPlace)] = [], additional: SchemaPlace? = nil) {
                self.properties = properties
                self.additional = additional
                var places: [[UInt8]: Int] = [:]
                for (place, property) in properties.enumerated() { places[Array(property.name.utf8)] = place }
                self.places = places
            }

            func property(_ name: String) -> SchemaPlace? { places[Array(name.utf8)].map { properties[$0].schema } }
        }
        var parts: [Part] = []
        var required: [(name: String, path: String)] = []
        var names: [SchemaPlace] = []
        var least = 0
        var most: Int?
        /// The place of the keyword that limits the number of members.
        var countPath = ""

        var isFree: Bool { parts.isEmpty && required.isEmpty && names.isEmpty && least == 0 && most == nil }
    }

    static let types = ["object", "array", "string", "number", "integer", "boolean", "null"]

    let path: String
    /// The types that `type` allows; nil if there is no `type`. `number` comes with `integer`.
    var types: Set<String>?
    /// The types whose keywords occur.
    var mentioned: Set<String> = []
    /// The values that `enum` and `const` allow.
    var values: [SchemaValue]?
    var valuesPath = ""
    /// Whether no value matches.
    var isImpossible = false
    var strings = Strings()
    var numbers = NumberTexts(isInteger: false)
    var arrays = Arrays()
    var objects = Objects()
    var groups: [Group] = []

    init(path: String) { self.path = path }

    /// The types of the values. Without `type`, the keywords that occur decide.
    var allowedTypes: Set<String> { types ?? (mentioned.isEmpty ? Set(Self.types) : mentioned) }

    /// Whether a group is all there is.
    var hasOnlyGroups: Bool {
        types == nil && mentioned.isEmpty && values == nil && !isImpossible && !groups.isEmpty
    }

    mutating func allow(_ names: Set<String>) { types = types?.intersection(names) ?? names }

    mutating func allow(_ list: [SchemaValue], path: String) {
        let allowed = Set(list.map(\.identity))
        values = (values ?? list).filter { allowed.contains($0.identity) }
        valuesPath = path
    }
}
