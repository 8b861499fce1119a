import Ouro

/// The rules for objects.
extension SchemaCompiler {
    /// A property that the schema lists.
    private struct Property {
        let name: String
        /// Reads the name, the colon and the value.
        let member: Rule
        let isRequired: Bool
    }

    /// The rule for the objects of a schema. Their listed members come in the order of the schema, then the others.
    mutating func object(_ shape: SchemaShape) throws(OuroError) -> Rule {
        let objects = shape.objects
        var names: [String] = []
        var seen: Set<[UInt8]> = []
        for name in objects.parts.flatMap(\.properties).map(\.name) + objects.required.map(\.name)
        where seen.insert(Array(name.utf8)).inserted {
            names.append(name)
        }
        let required = Set(objects.required.map { Array($0.name.utf8) })
        var properties: [Property] = []
        for name in names {
            try budget.take(objects.parts.count + name.utf8.count / 64 + 1, for: shape.path)
            // A property that one schema does not list must match its `additionalProperties`.
            let value = try rule(for: objects.parts.compactMap { $0.property(name) ?? $0.additional })
            properties.append(
                Property(
                    name: name, member: member(name, value), isRequired: required.contains(Array(name.utf8))))
        }
        let additional = objects.parts.compactMap(\.additional)
        // An object with `properties` has no other members, unless the schema says what they are.
        let isClosed =
            additional.contains { if case .bool(false) = $0.value { true } else { false } }
            || additional.isEmpty && !objects.parts.isEmpty
        var other: Rule?
        if !isClosed {
            let name = try memberName(objects, except: names, path: shape.path)
            let value = try rule(for: additional)
            let rule = builder.declareRule()
            builder.define(rule) { builder in
                builder.call(name)
                builder.literal(":")
                Self.space(&builder)
                builder.call(value)
            }
            other = rule
        } else if !objects.names.isEmpty, !names.isEmpty {
            throw OuroError(
                .unsupported, field: objects.names[0].path,
                "'propertyNames' is supported only without 'properties' and 'required'; remove it")
        }
        return try object(properties, other: other, objects)
    }

    /// The rule for a member with a fixed name.
    private mutating func member(_ name: String, _ value: Rule) -> Rule {
        let (rule, isNew) = declare("m", Array(name.utf8) + [0] + Array("\(value)".utf8))
        if isNew {
            builder.define(rule) { builder in
                builder.literal(JSONText.quote(name) + ":")
                Self.space(&builder)
                builder.call(value)
            }
        }
        return rule
    }

    /// The rule for the name of a member that is not listed.
    private mutating func memberName(
        _ objects: SchemaShape.Objects, except names: [String], path: String
    ) throws(OuroError) -> Rule {
        guard !objects.names.isEmpty else { return try string(SchemaShape.Strings(), except: names, path: path) }
        let place = objects.names[0].path
        guard names.isEmpty else {
            throw OuroError(
                .unsupported, field: place,
                "'propertyNames' is supported only without 'properties' and 'required'; remove it")
        }
        let strings = SchemaValue.object(SchemaObject([("type", .string("string"))]))
        return try rule(for: objects.names + [SchemaPlace(value: strings, path: place)])
    }

    /// The rule for an object of listed members and others.
    private mutating func object(
        _ properties: [Property], other: Rule?, _ objects: SchemaShape.Objects
    ) throws(OuroError) -> Rule {
        let requiredCount = properties.count(where: \.isRequired)
        let result = builder.declareRule()
        let least = objects.least > requiredCount ? objects.least : 0
        var most = objects.most
        if other == nil, let limit = most, limit >= properties.count { most = nil }
        if other != nil, properties.isEmpty {
            // Names may repeat, so many members need not be many properties.
            guard least <= 1 else { throw unsupportedCount(objects) }
            defineMembers(result, other: other, least: least, most: most)
        } else if least == 0, most == nil {
            define(result, properties, other)
        } else {
            guard other == nil else { throw unsupportedCount(objects) }
            define(result, properties, least: least, most: most ?? properties.count)
        }
        return result
    }

    private func unsupportedCount(_ objects: SchemaShape.Objects) -> OuroError {
        OuroError(
            .unsupported, field: objects.countPath,
            "a number of members is not supported beside other names than those of 'properties'; remove it")
    }

    /// Defines an object of members with free names.
    private mutating func defineMembers(_ rule: Rule, other: Rule?, least: Int, most: Int?) {
        builder.define(rule) { builder in
            builder.literal("{")
            if let other, most ?? 1 > 0 {
                func members(_ builder: inout GrammarBuilder) {
                    builder.call(other)
                    builder.repeated(0, most.map { $0 - 1 }) { builder in
                        Self.comma(&builder)
                        builder.call(other)
                    }
                }
                if least > 0 { members(&builder) } else { builder.optional(members) }
            } else if least > 0 {
                builder.fail()
            }
            builder.literal("}")
        }
    }

    /// Defines an object without a limit on the number of members. Each property has two places: one where no member has
    /// been written, and one after a member, where a comma is needed. So the size is linear in the number of properties.
    private mutating func define(_ rule: Rule, _ properties: [Property], _ other: Rule?) {
        builder.define(rule) { builder in
            // Jumps to the place after a number of properties, behind a member.
            var jumps: [(instruction: Int, index: Int)] = []
            var end: Int?
            builder.literal("{")
            var isReachable = true
            for (index, property) in properties.enumerated() where isReachable {
                let split = property.isRequired ? nil : builder.reserve()
                builder.call(property.member)
                jumps.append((builder.reserve(), index + 1))
                if let split { builder.set(split, .split(Int32(split + 1), builder.here)) }
                isReachable = !property.isRequired
            }
            if isReachable {
                if let other {
                    builder.optional { builder in
                        builder.call(other)
                        jumps.append((builder.reserve(), properties.count))
                    }
                }
                end = builder.reserve()
            }
            var places: [Grammar.Address] = []
            for property in properties {
                places.append(builder.here)
                let split = property.isRequired ? nil : builder.reserve()
                Self.comma(&builder)
                builder.call(property.member)
                if let split { builder.set(split, .split(Int32(split + 1), builder.here)) }
            }
            places.append(builder.here)
            if let other {
                builder.anyNumber { builder in
                    Self.comma(&builder)
                    builder.call(other)
                }
            }
            for jump in jumps { builder.set(jump.instruction, .jump(places[jump.index])) }
            if let end { builder.set(end, .jump(builder.here)) }
            builder.literal("}")
        }
    }

    /// Defines an object of `least` to `most` of the listed members. A place is a number of properties and a number of
    /// members written.
    private mutating func define(_ rule: Rule, _ properties: [Property], least: Int, most: Int) {
        // More members than `least` need no count if there is no upper limit.
        let cap = most < properties.count ? most : min(least, properties.count)
        builder.define(rule) { builder in
            builder.literal("{")
            var addresses: [[Grammar.Address]] = []
            var jumps: [(instruction: Int, index: Int, count: Int)] = []
            for (index, property) in properties.enumerated() {
                addresses.append([])
                for count in 0...cap {
                    if builder.isTooLarge { return }
                    addresses[index].append(builder.here)
                    let mayWrite = count < cap || most >= properties.count
                    if mayWrite {
                        let split = builder.reserve()
                        if count > 0 { Self.comma(&builder) }
                        builder.call(property.member)
                        jumps.append((builder.reserve(), index + 1, min(count + 1, cap)))
                        builder.set(split, .split(Int32(split + 1), builder.here))
                    }
                    if property.isRequired { builder.fail() } else { jumps.append((builder.reserve(), index + 1, count)) }
                }
            }
            addresses.append([])
            let isEnough = (0...cap).map { $0 >= least }
            var ends: [Int] = []
            for count in 0...cap {
                addresses[properties.count].append(builder.here)
                if isEnough[count] { ends.append(builder.reserve()) } else { builder.fail() }
            }
            for jump in jumps { builder.set(jump.instruction, .jump(addresses[jump.index][jump.count])) }
            for end in ends { builder.set(end, .jump(builder.here)) }
            builder.literal("}")
        }
    }
}
