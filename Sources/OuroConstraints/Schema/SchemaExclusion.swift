import Ouro

/// `oneOf`: at most one of the schemas may match.
extension SchemaReader {
    /// The largest depth of groups in groups that are looked into.
    private static let depthLimit = 4

    /// Makes the property that tells the options of a group apart required in all of them. It is the one that
    /// `discriminator` names, or else one with different values in each option of a `oneOf`.
    ///
    /// - Parameters:
    ///   - group: the options of an `anyOf` or `oneOf`.
    ///   - object: the schema that has the group.
    ///   - compares: whether to make sure that no value matches two options.
    ///   - budget: pays for the work.
    func distinguish(
        _ group: inout SchemaShape.Group, of object: SchemaObject, compares: Bool, _ budget: inout CompileBudget
    ) throws(OuroError) {
        var tag: String?
        if case .object(let discriminator)? = object["discriminator"],
            case .string(let property)? = discriminator["propertyName"]
        {
            tag = property
        }
        guard tag != nil || object["oneOf"] != nil else { return }
        var shapes: [SchemaShape] = []
        var types: [Set<String>] = []
        for option in group.options {
            let shape = try shape(of: option, isPreview: true, &budget)
            shapes.append(shape)
            types.append(try self.types(shape, depth: 0, &budget))
        }
        let objects = shapes.indices.filter { types[$0].contains("object") }
        if tag == nil, group.path.hasSuffix(".oneOf"), objects.count > 1 {
            for name in shapes[objects[0]].objects.parts.flatMap(\.properties).map(\.name) where tag == nil {
                if try isTag(name, objects.map { shapes[$0] }, &budget) { tag = name }
            }
        }
        if let tag {
            let names = SchemaValue.object(SchemaObject([("required", .array([.string(tag)]))]))
            for index in objects where types[index] == ["object"] {
                group.options[index].append(SchemaPlace(value: names, path: group.path))
            }
        }
        guard compares else { return }
        for (index, second) in shapes.enumerated() {
            for (other, first) in shapes[..<index].enumerated() {
                let common = types[other].intersection(types[index])
                try budget.take(common.count + 1, for: group.path)
                if common.isEmpty || Self.areDisjoint(first.values, second.values) { continue }
                if common == ["object"] {
                    if let tag, try isTag(tag, [first, second], &budget) { continue }
                    if Self.isClosed(first, without: second) || Self.isClosed(second, without: first) { continue }
                }
                throw OuroError(
                    .unsupported, field: group.path,
                    "one value could match two of the schemas; give each a property with a different 'const', or use "
                        + "'anyOf'")
            }
        }
    }

    /// The types of a schema's values, as far as its keywords tell.
    private func types(
        _ shape: SchemaShape, depth: Int, _ budget: inout CompileBudget
    ) throws(OuroError) -> Set<String> {
        if shape.isImpossible { return [] }
        var result = shape.types ?? Set(SchemaShape.types)
        if let values = shape.values {
            result.formIntersection(
                values.flatMap { $0.schemaType == "number" ? ["number", "integer"] : [$0.schemaType] })
        }
        for group in shape.groups where depth < Self.depthLimit {
            var union: Set<String> = []
            for option in group.options {
                let inner = try self.shape(of: option, isPreview: true, &budget)
                union.formUnion(try types(inner, depth: depth + 1, &budget))
            }
            result.formIntersection(union)
        }
        return result
    }

    private static func areDisjoint(_ first: [SchemaValue]?, _ second: [SchemaValue]?) -> Bool {
        guard let first, let second else { return false }
        return Set(first.map(\.identity)).isDisjoint(with: second.map(\.identity))
    }

    /// Whether each two of some schemas have different values of a property.
    private func isTag(
        _ name: String, _ shapes: [SchemaShape], _ budget: inout CompileBudget
    ) throws(OuroError) -> Bool {
        var seen: Set<[UInt8]> = []
        for shape in shapes {
            guard let values = try values(of: name, shape, depth: 0, &budget) else { return false }
            for value in values {
                guard seen.insert(value).inserted else { return false }
            }
        }
        return true
    }

    /// The values of a property; nil if they are not listed.
    private func values(
        of name: String, _ shape: SchemaShape, depth: Int, _ budget: inout CompileBudget
    ) throws(OuroError) -> Set<[UInt8]>? {
        let schemas = shape.objects.parts.compactMap { $0.property(name) }
        if !schemas.isEmpty {
            return try self.shape(of: schemas, isPreview: true, &budget).values.map { Set($0.map(\.identity)) }
        }
        guard depth < Self.depthLimit, let group = shape.groups.first else { return nil }
        var result: Set<[UInt8]> = []
        for option in group.options {
            let inner = try self.shape(of: option, isPreview: true, &budget)
            guard let values = try values(of: name, inner, depth: depth + 1, &budget) else { return nil }
            result.formUnion(values)
        }
        return result
    }

    /// Whether the first schema forbids a property that the second one requires.
    private static func isClosed(_ first: SchemaShape, without second: SchemaShape) -> Bool {
        second.objects.required.contains { required in
            first.objects.parts.contains { part in
                guard case .bool(false)? = part.additional?.value else { return false }
                return part.property(required.name) == nil
            }
        }
    }
}
