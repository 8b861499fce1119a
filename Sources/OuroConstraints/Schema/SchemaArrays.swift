import Ouro

/// The rules for arrays.
extension SchemaCompiler {
    /// The largest number of values of an array whose elements must differ.
    private static let uniqueLimit = 8

    /// A comma and an optional space.
    static func comma(_ builder: inout GrammarBuilder) {
        builder.literal(",")
        space(&builder)
    }

    static func space(_ builder: inout GrammarBuilder) { builder.optional { $0.literal(" ") } }

    /// The rule for the arrays of a schema.
    mutating func array(_ shape: SchemaShape) throws(OuroError) -> Rule {
        let arrays = shape.arrays
        let count = arrays.parts.map(\.prefix.count).max() ?? 0
        var elements: [Rule] = []
        for index in 0..<count {
            elements.append(
                try rule(
                    for: arrays.parts.compactMap { $0.prefix.indices.contains(index) ? $0.prefix[index] : $0.items }))
        }
        let rest = arrays.parts.compactMap(\.items)
        if let unique = arrays.unique, arrays.most ?? 2 > 1 {
            guard elements.isEmpty else { throw unsupportedUnique(unique) }
            return try distinct(rest, arrays, path: unique)
        }
        let item = try rule(for: rest)
        let result = builder.declareRule()
        guard arrays.most ?? arrays.least >= arrays.least else {
            throw fault(shape.path + ".maxItems", "no text fulfils the schema: expected at least 'minItems'")
        }
        let (least, most) = (arrays.least, arrays.most)
        builder.define(result) { builder in
            var ends: [Int] = []
            /// Leaves the array here, or goes on.
            func mayEnd(_ builder: inout GrammarBuilder) {
                let split = builder.reserve()
                ends.append(builder.reserve())
                builder.set(split, .split(Int32(split + 1), builder.here))
            }
            builder.literal("[")
            for (index, element) in elements.prefix(most ?? count).enumerated() {
                if index >= least { mayEnd(&builder) }
                if index > 0 { Self.comma(&builder) }
                builder.call(element)
            }
            var read = min(count, most ?? count)
            if read == 0, most ?? 1 > 0 {
                if least == 0 { mayEnd(&builder) }
                builder.call(item)
                read = 1
            }
            builder.repeated(max(least - read, 0), most.map { max($0 - read, 0) }) { builder in
                Self.comma(&builder)
                builder.call(item)
            }
            for end in ends { builder.set(end, .jump(builder.here)) }
            builder.literal("]")
        }
        return result
    }

    private func unsupportedUnique(_ path: String) -> OuroError {
        OuroError(
            .unsupported, field: path,
            "'uniqueItems' is supported only for elements with an 'enum' of at most \(Self.uniqueLimit) values; remove it")
    }

    /// The rule for arrays without equal elements. A state is the set of values that have been written.
    private mutating func distinct(
        _ items: [SchemaPlace], _ arrays: SchemaShape.Arrays, path: String
    ) throws(OuroError) -> Rule {
        let shape = try reader.shape(of: items, &budget)
        guard let values = shape.values, shape.groups.isEmpty, !shape.isImpossible else { throw unsupportedUnique(path) }
        var seen: Set<[UInt8]> = []
        var rules: [Rule] = []
        for value in values where seen.insert(value.identity).inserted {
            let only = SchemaValue.object(SchemaObject([("const", value)]))
            // A value that does not match the other keywords has no text.
            let probe = try reader.shape(of: items + [SchemaPlace(value: only, path: path)], &budget)
            if try allows(value, probe) { rules.append(literals([value.text])) }
        }
        guard rules.count <= Self.uniqueLimit else { throw unsupportedUnique(path) }
        let count = rules.count
        let result = builder.declareRule()
        builder.define(result) { builder in
            var addresses = [Grammar.Address](repeating: 0, count: 1 << count)
            var jumps: [(instruction: Int, set: Int)] = []
            var ends: [Int] = []
            builder.literal("[")
            for set in 0..<1 << count {
                addresses[set] = builder.here
                let size = set.nonzeroBitCount
                if size >= arrays.least {
                    let split = builder.reserve()
                    ends.append(builder.reserve())
                    builder.set(split, .split(Int32(split + 1), builder.here))
                }
                if size < arrays.most ?? count {
                    for index in 0..<count where set >> index & 1 == 0 {
                        let split = builder.reserve()
                        if size > 0 { Self.comma(&builder) }
                        builder.call(rules[index])
                        jumps.append((builder.reserve(), set | 1 << index))
                        builder.set(split, .split(Int32(split + 1), builder.here))
                    }
                }
                builder.fail()
            }
            for (instruction, set) in jumps { builder.set(instruction, .jump(addresses[set])) }
            for end in ends { builder.set(end, .jump(builder.here)) }
            builder.literal("]")
        }
        return result
    }
}
