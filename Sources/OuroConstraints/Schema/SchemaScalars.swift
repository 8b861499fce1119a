import Ouro

/// The rules for strings and numbers.
extension SchemaCompiler {
    /// The automaton of the patterns and formats; nil without them.
    mutating func automaton(_ strings: SchemaShape.Strings) throws(OuroError) -> Automaton? {
        var result: Automaton?
        for (pattern, path) in strings.patterns {
            let next = try Automaton(regex: pattern, isSearch: true, &budget, place: path)
            result = try result?.intersection(next, &budget, place: path) ?? next
        }
        for (name, path) in strings.formats {
            guard let pattern = StringFormats[name] else { continue }
            let next = try Automaton(regex: pattern, isSearch: false, &budget, place: path)
            result = try result?.intersection(next, &budget, place: path) ?? next
        }
        return result
    }

    /// The rule for the strings of a schema.
    ///
    /// - Parameters:
    ///   - strings: what the schema requires.
    ///   - excluded: strings that are left out.
    ///   - path: the place for errors.
    mutating func string(
        _ strings: SchemaShape.Strings, except excluded: [String] = [], path: String
    ) throws(OuroError) -> Rule {
        var key = Array("\(strings.least) \(strings.most ?? -1)".utf8)
        for text in strings.patterns.map(\.text) + ["\0"] + strings.formats.map(\.name) + ["\0"] + excluded {
            key += Array(SchemaValue.string(text).text.utf8)
        }
        let (rule, isNew) = declare("t", key)
        guard isNew else { return rule }
        if strings.most ?? strings.least < strings.least {
            builder.define(rule) { $0.fail() }
            return rule
        }
        var texts = try automaton(strings)
        if !excluded.isEmpty {
            let rest = try Automaton.all(except: excluded, &budget, place: path)
            texts = try texts?.intersection(rest, &budget, place: path) ?? rest
        }
        if let automaton = texts {
            var automaton = automaton
            if strings.least > 0 || strings.most != nil {
                let length = try Automaton.length(strings.least, strings.most, place: path)
                automaton = try automaton.intersection(length, &budget, place: path)
            }
            try characters.define(
                rule, automaton, .json, before: "\"", after: "\"", &builder, &budget, place: path)
            return rule
        }
        let any = Expression.one(.all)
        if strings.isFree {
            let automaton = try Automaton(.repeated(any, least: 0, most: nil), &budget, place: path)
            try characters.define(
                rule, automaton, .json, before: "\"", after: "\"", &builder, &budget, place: path)
            return rule
        }
        let (character, isNewCharacter) = declare("c", [])
        if isNewCharacter {
            let automaton = try Automaton(any, &budget, place: path)
            try characters.define(character, automaton, .json, &builder, &budget, place: path)
        }
        builder.define(rule) { builder in
            builder.literal("\"")
            builder.repeated(strings.least, strings.most) { $0.call(character) }
            builder.literal("\"")
        }
        return rule
    }

    /// The rule for the numbers of a schema.
    mutating func number(_ numbers: NumberTexts, path: String) throws(OuroError) -> Rule {
        let (rule, isNew) = declare("n", Array("\(numbers)".utf8))
        guard isNew else { return rule }
        let automaton = try numbers.automaton(&budget, place: path)
        try characters.define(rule, automaton, .bytes, &builder, &budget, place: path)
        return rule
    }
}
