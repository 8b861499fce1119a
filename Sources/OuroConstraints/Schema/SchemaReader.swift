import Ouro

/// Reads schemas into shapes. It follows `$ref` and `allOf`, and remembers `anyOf` and `oneOf`.
struct SchemaReader {
    /// Keywords that do not restrict the values.
    static let annotations: Set<String> = [
        "title", "description", "default", "examples", "example", "deprecated", "readOnly", "writeOnly", "$schema", "$id",
        "id", "$comment", "$defs", "definitions", "$anchor", "$vocabulary", "contentEncoding", "contentMediaType",
        "contentSchema", "propertyOrdering", "xml", "externalDocs", "discriminator",
    ]
    /// The largest number of schemas in one list, and of values in an `enum`.
    private static let listLimit = 1024
    /// The largest number of elements, members or characters.
    static let countLimit = 1_000_000

    let root: SchemaPlace
    private let anchors: [[UInt8]: SchemaPlace]

    init(_ root: SchemaValue) {
        self.root = SchemaPlace(value: root, path: "schema")
        var anchors: [[UInt8]: SchemaPlace] = [:]
        var pending = [self.root]
        while let place = pending.popLast() {
            switch place.value {
            case .array(let list): for (index, value) in list.enumerated() { pending.append(place.element(index, value)) }
            case .object(let object):
                if case .string(let name)? = object["$anchor"] { anchors[Array(name.utf8)] = place }
                for (name, value) in object.members where name != "enum" && name != "const" {
                    pending.append(place.member(name, value))
                }
            default: break
            }
        }
        self.anchors = anchors
    }

    static func isAnnotation(_ name: String) -> Bool { annotations.contains(name) || name.hasPrefix("x-") }

    /// Reads schemas that must all match.
    ///
    /// - Parameters:
    ///   - places: the schemas.
    ///   - chosen: for the first groups that are met, the option to read in place of the group.
    ///   - isPreview: whether only the keywords count. The options of `oneOf` are then not compared.
    ///   - budget: pays for the work.
    func shape(
        of places: [SchemaPlace], chosen: [Int] = [], isPreview: Bool = false, _ budget: inout CompileBudget
    ) throws(OuroError) -> SchemaShape {
        var shape = SchemaShape(path: places.first?.path ?? root.path)
        var pending = places.map { (place: $0, references: [[UInt8]]()) }
        var seen: Set<[UInt8]> = []
        var groupCount = 0
        var index = 0
        while index < pending.count {
            let (place, references) = pending[index]
            index += 1
            try budget.take(8, for: place.path)
            let object: SchemaObject
            switch place.value {
            case .bool(let allows):
                if !allows { shape.isImpossible = true }
                continue
            case .object(let members): object = members
            default: throw fault(place.path, "expected a schema, found \(place.value.typeName)")
            }
            var groups: [SchemaShape.Group] = []
            for (name, value) in object.members {
                let inner = place.member(name, value)
                try budget.take(8, for: inner.path)
                switch name {
                case "$ref":
                    let (target, id) = try self.target(of: inner)
                    guard !references.contains(id) else {
                        throw fault(inner.path, "no text fulfils the schema: it refers to itself and to nothing else")
                    }
                    if seen.insert(id).inserted { pending.append((target, references + [id])) }
                case "allOf":
                    for option in try list(inner) { pending.append((option, references)) }
                case "anyOf", "oneOf":
                    var group = SchemaShape.Group(options: try list(inner).map { [$0] }, path: inner.path)
                    if !isPreview {
                        let isNew = groupCount + groups.count >= chosen.count
                        try distinguish(&group, of: object, compares: name == "oneOf" && isNew, &budget)
                    }
                    groups.append(group)
                default: try read(inner, name, of: object, into: &shape)
                }
            }
            for group in groups {
                if groupCount < chosen.count {
                    for option in group.options[chosen[groupCount]] { pending.append((option, references)) }
                } else {
                    shape.groups.append(group)
                }
                groupCount += 1
            }
        }
        return shape
    }

    func fault(_ path: String, _ message: String) -> OuroError { OuroError(.invalidRequest, field: path, message) }

    /// A list of schemas.
    private func list(_ place: SchemaPlace) throws(OuroError) -> [SchemaPlace] {
        guard case .array(let list) = place.value, !list.isEmpty, list.count <= Self.listLimit else {
            throw fault(place.path, "expected a list of 1 to \(Self.listLimit) schemas")
        }
        return list.enumerated().map { place.element($0.offset, $0.element) }
    }

    /// The schema that a `$ref` points to, and bytes that are equal for references to the same schema.
    private func target(of place: SchemaPlace) throws(OuroError) -> (SchemaPlace, id: [UInt8]) {
        guard case .string(let reference) = place.value else {
            throw fault(place.path, "expected a string, found \(place.value.typeName)")
        }
        var fragment = Array(reference.utf8)[...]
        if case .object(let object) = root.value, case .string(let id)? = object["$id"],
            fragment.starts(with: id.utf8), !id.isEmpty
        {
            fragment = fragment.dropFirst(id.utf8.count)
            if fragment.isEmpty { fragment = [0x23] }
        }
        guard fragment.popFirst() == 0x23, let path = Self.percentDecoded(fragment) else {
            throw fault(place.path, "expected a place in this schema, such as #/$defs/NAME, found '\(reference)'")
        }
        guard path.first == 0x2F || path.isEmpty else {
            guard let anchor = anchors[path] else { throw fault(place.path, "the schema has no $anchor \(reference)") }
            return (anchor, path)
        }
        var target = root
        for part in path.dropFirst().split(separator: 0x2F, omittingEmptySubsequences: false) where !path.isEmpty {
            let name = String(decoding: part, as: UTF8.self).replacing("~1", with: "/").replacing("~0", with: "~")
            switch target.value {
            case .object(let object):
                guard let value = object[name] else { throw fault(place.path, "the schema has no \(reference)") }
                target = target.member(name, value)
            case .array(let list):
                guard let index = Int(name), list.indices.contains(index) else {
                    throw fault(place.path, "the schema has no \(reference)")
                }
                target = target.element(index, list[index])
            default: throw fault(place.path, "the schema has no \(reference)")
            }
        }
        return (target, path)
    }

    private static func percentDecoded(_ bytes: ArraySlice<UInt8>) -> [UInt8]? {
        var result: [UInt8] = []
        var rest = bytes
        while let byte = rest.popFirst() {
            guard byte == 0x25 else {
                result.append(byte)
                continue
            }
            guard rest.count >= 2, let value = UInt8(String(decoding: rest.prefix(2), as: UTF8.self), radix: 16) else {
                return nil
            }
            result.append(value)
            rest = rest.dropFirst(2)
        }
        return result
    }
}
