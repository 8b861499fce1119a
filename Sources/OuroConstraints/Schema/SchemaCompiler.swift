import Ouro

extension Grammar {
    /// Makes the grammar of the JSON texts that match a schema.
    ///
    /// - Parameters:
    ///   - schema: the schema.
    /// - Throws: `OuroError` with code `unsupported` for a keyword that is not supported. It has code `invalidRequest` for
    ///   any other fault of the schema, if no text fulfils it, or if it is too large. The error's field is the place in
    ///   the schema, such as `schema.properties.age.minimum`.
    public init(_ schema: JSONSchema) throws(OuroError) {
        var count = 0
        let root = try SchemaValue(schema.value, &count)
        var compiler = SchemaCompiler(SchemaReader(root))
        self = try compiler.grammar()
    }
}

/// Compiles a schema to grammar rules, one for each schema inside it.
///
/// Schemas that are equal but for annotations share one rule, so a rule is named by the schemas that must all match, and
/// by the options chosen in their groups. Rules are defined one after the other, without recursion.
struct SchemaCompiler {
    typealias Rule = GrammarBuilder.Rule

    private struct Job {
        let rule: Rule
        let places: [SchemaPlace]
        let chosen: [Int]
    }

    let reader: SchemaReader
    var builder = GrammarBuilder()
    var budget = CompileBudget()
    var characters = CharacterRules()
    /// Rules by what they read: a letter for the kind, and the bytes that identify it.
    private var rules: [[UInt8]: Rule] = [:]
    private var jobs: [Job] = []

    init(_ reader: SchemaReader) { self.reader = reader }

    mutating func grammar() throws(OuroError) -> Grammar {
        let start = try rule(for: [reader.root])
        var index = 0
        while index < jobs.count {
            try define(jobs[index])
            guard !builder.isTooLarge else {
                throw fault(
                    jobs[index].places.first?.path ?? "schema",
                    "the schema is too large: its grammar has more than \(GrammarBuilder.limit) instructions, or names "
                        + "and values of more than \(GrammarBuilder.poolLimit) bytes")
            }
            index += 1
        }
        do {
            return try builder.finish(start)
        } catch {
            throw fault("schema", "no text fulfils the schema: \(error.message)")
        }
    }

    func fault(_ path: String, _ message: String) -> OuroError { OuroError(.invalidRequest, field: path, message) }

    /// The rule of schemas that must all match.
    mutating func rule(for places: [SchemaPlace], chosen: [Int] = []) throws(OuroError) -> Rule {
        var key: [UInt8] = []
        var parts: Set<[UInt8]> = []
        for place in places {
            let part = SchemaKey.bytes(of: place)
            try budget.take(part.count / 16 + 1, for: place.path)
            if parts.insert(part).inserted { key += part + [0] }
        }
        key += Array("\(chosen)".utf8)
        let (rule, isNew) = declare("s", key)
        if isNew { jobs.append(Job(rule: rule, places: places, chosen: chosen)) }
        return rule
    }

    /// The rule with a name, and whether it has just been declared.
    mutating func declare(_ kind: Character, _ key: [UInt8]) -> (Rule, isNew: Bool) {
        let key = Array(kind.utf8) + key
        if let known = rules[key] { return (known, false) }
        let rule = builder.declareRule()
        rules[key] = rule
        return (rule, true)
    }

    /// Defines a rule that reads a text of any of some rules.
    private mutating func define(_ rule: Rule, anyOf rules: [Rule]) {
        var seen: Set<Rule> = []
        let different = rules.filter { seen.insert($0).inserted }
        builder.define(rule) { builder in
            if different.isEmpty { builder.fail() }
            builder.choice(different.map { rule in { $0.call(rule) } })
        }
    }

    private mutating func define(_ job: Job) throws(OuroError) {
        let shape = try reader.shape(of: job.places, chosen: job.chosen, &budget)
        if shape.isImpossible { return define(job.rule, anyOf: []) }
        if let group = shape.groups.first {
            var options: [Rule] = []
            for (index, option) in group.options.enumerated() {
                // A group that stands alone shares the rules of its options.
                let isAlone = shape.hasOnlyGroups && shape.groups.count == 1 && job.chosen.isEmpty
                options.append(
                    try isAlone ? rule(for: option) : rule(for: job.places, chosen: job.chosen + [index]))
            }
            return define(job.rule, anyOf: options)
        }
        if let values = shape.values { return try define(job.rule, values: values, shape, isPart: !job.chosen.isEmpty) }
        let types = shape.allowedTypes
        var parts: [Rule] = []
        if types.contains("object") { parts.append(try object(shape)) }
        if types.contains("array") { parts.append(try array(shape)) }
        if types.contains("string") { parts.append(try string(shape.strings, path: shape.path)) }
        if types.contains("number") || types.contains("integer") {
            var numbers = shape.numbers
            numbers.isInteger = !types.contains("number")
            parts.append(try number(numbers, path: shape.path))
        }
        if types.contains("boolean") { parts.append(literals(["true", "false"])) }
        if types.contains("null") { parts.append(literals(["null"])) }
        define(job.rule, anyOf: parts)
    }

    /// The rule for one of some texts.
    mutating func literals(_ texts: [String]) -> Rule {
        let (rule, isNew) = declare("l", texts.flatMap { Array($0.utf8) + [0] })
        if isNew { builder.define(rule) { $0.choice(texts.map { text in { $0.literal(text) } }) } }
        return rule
    }

    // MARK: values

    /// Defines the rule for one of a list of values. Values that do not match the other keywords are left out.
    private mutating func define(
        _ rule: Rule, values: [SchemaValue], _ shape: SchemaShape, isPart: Bool
    ) throws(OuroError) {
        var texts: [String] = []
        for value in values {
            try budget.take(1, for: shape.valuesPath)
            if try allows(value, shape) { texts.append(value.text) }
        }
        guard !texts.isEmpty || isPart else {
            throw fault(shape.valuesPath, "no text fulfils the schema: no value matches its other keywords")
        }
        builder.define(rule) { builder in
            if texts.isEmpty { builder.fail() }
            builder.choice(texts.map { text in { $0.literal(text) } })
        }
    }

    /// Whether a value matches the keywords other than `enum` and `const`.
    mutating func allows(_ value: SchemaValue, _ shape: SchemaShape) throws(OuroError) -> Bool {
        let types = shape.types ?? Set(SchemaShape.types)
        switch value {
        case .null, .bool: return types.contains(value.schemaType)
        case .number(let text):
            guard let number = DecimalNumber(text) else {
                throw fault(shape.valuesPath, "the number \(text) is too large")
            }
            var numbers = shape.numbers
            numbers.isInteger = !types.contains("number")
            return (types.contains("number") || types.contains("integer")) && numbers.accepts(number)
        case .string(let text):
            guard types.contains("string") else { return false }
            let count = text.unicodeScalars.count
            guard count >= shape.strings.least, count <= shape.strings.most ?? count else { return false }
            return try automaton(shape.strings)?.accepts(text) ?? true
        case .array:
            guard shape.arrays.isFree else { throw unsupportedValues(shape) }
            return types.contains("array")
        case .object:
            guard shape.objects.isFree else { throw unsupportedValues(shape) }
            return types.contains("object")
        }
    }

    private func unsupportedValues(_ shape: SchemaShape) -> OuroError {
        OuroError(
            .unsupported, field: shape.valuesPath,
            "arrays and objects as values are not supported beside other keywords of arrays and objects; remove these")
    }
}

/// The bytes that identify a schema. Schemas that differ only in annotations have the same bytes.
enum SchemaKey {
    /// The largest number of bytes. Longer schemas are identified by their place.
    private static let limit = 4096

    static func bytes(of place: SchemaPlace) -> [UInt8] {
        var bytes: [UInt8] = []
        write(place.value, isSchema: true, &bytes)
        return bytes.count <= limit ? bytes : Array("@\(place.path)".utf8)
    }

    private static let maps: Set<String> = ["properties"]
    private static let data: Set<String> = ["enum", "const", "required", "type"]

    /// Writes a value. `isSchema` tells whether annotations in it do not count.
    private static func write(_ value: SchemaValue, isSchema: Bool, _ bytes: inout [UInt8]) {
        guard bytes.count <= limit else { return }
        switch value {
        case .null, .bool, .number: bytes += value.text.utf8
        case .string(let text):
            if text.utf8.count > limit {
                bytes += repeatElement(0, count: limit + 1)
            } else {
                bytes += JSONText.quote(text).utf8
            }
        case .array(let values):
            bytes.append(0x5B)
            for value in values {
                write(value, isSchema: isSchema, &bytes)
                bytes.append(0x2C)
            }
            bytes.append(0x5D)
        case .object(let object):
            bytes.append(0x7B)
            for (name, value) in object.members {
                if isSchema, SchemaReader.isAnnotation(name), name != "discriminator" { continue }
                write(.string(name), isSchema: false, &bytes)
                bytes.append(0x3A)
                if isSchema, maps.contains(name), case .object(let map) = value {
                    bytes.append(0x7B)
                    for (name, schema) in map.members {
                        write(.string(name), isSchema: false, &bytes)
                        bytes.append(0x3A)
                        write(schema, isSchema: true, &bytes)
                        bytes.append(0x2C)
                    }
                    bytes.append(0x7D)
                } else {
                    write(value, isSchema: isSchema && !data.contains(name), &bytes)
                }
                bytes.append(0x2C)
            }
            bytes.append(0x7D)
        }
    }
}
