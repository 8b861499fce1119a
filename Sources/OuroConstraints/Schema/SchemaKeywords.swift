import Ouro

/// The keywords that restrict a value by themselves.
extension SchemaReader {
    /// Reads one keyword.
    ///
    /// - Parameters:
    ///   - place: the keyword's value.
    ///   - name: the keyword.
    ///   - object: the schema that has it.
    ///   - shape: takes what the keyword requires.
    func read(
        _ place: SchemaPlace, _ name: String, of object: SchemaObject, into shape: inout SchemaShape
    ) throws(OuroError) {
        switch name {
        case "type": try readType(place, isNullable: object["nullable"].map { Self.isTrue($0) } ?? false, into: &shape)
        case "nullable":
            guard case .bool = place.value else { throw expected("true or false", place) }
        case "enum":
            guard case .array(let values) = place.value, !values.isEmpty, values.count <= 4096 else {
                throw fault(place.path, "expected a list of 1 to 4096 values")
            }
            shape.allow(values, path: place.path)
        case "const": shape.allow([place.value], path: place.path)
        case "pattern", "format", "minLength", "maxLength": try readString(place, name, into: &shape)
        case "minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum", "multipleOf":
            try readNumber(place, name, of: object, into: &shape)
        case "items", "prefixItems", "additionalItems", "minItems", "maxItems", "uniqueItems":
            try readArray(place, name, of: object, into: &shape)
        case "properties", "required", "additionalProperties", "propertyNames", "minProperties", "maxProperties":
            try readObject(place, name, of: object, into: &shape)
        case _ where Self.isAnnotation(name): break
        default: throw OuroError(.unsupported, field: place.path, "this keyword is not supported; remove it")
        }
    }

    private static func isTrue(_ value: SchemaValue) -> Bool { if case .bool(true) = value { true } else { false } }

    func expected(_ what: String, _ place: SchemaPlace) -> OuroError {
        fault(place.path, "expected \(what), found \(place.value.typeName)")
    }

    private func count(_ place: SchemaPlace) throws(OuroError) -> Int {
        guard case .number(let text) = place.value, let value = DecimalNumber(text)?.integer,
            (0...Self.countLimit).contains(value)
        else { throw fault(place.path, "expected an integer from 0 to \(Self.countLimit)") }
        return value
    }

    private func smaller(_ a: Int?, _ b: Int) -> Int { min(a ?? b, b) }

    private func readType(
        _ place: SchemaPlace, isNullable: Bool, into shape: inout SchemaShape
    ) throws(OuroError) {
        var names: [SchemaValue] = [place.value]
        if case .array(let list) = place.value { names = list }
        guard !names.isEmpty else { throw fault(place.path, "expected at least one type") }
        var types: Set<String> = isNullable ? ["null"] : []
        for name in names {
            guard case .string(let name) = name else { throw expected("the name of a type", place) }
            guard SchemaShape.types.contains(name) else {
                throw fault(
                    place.path, "expected one of \(SchemaShape.types.joined(separator: ", ")), found '\(name)'")
            }
            types.insert(name)
            if name == "number" { types.insert("integer") }
        }
        shape.allow(types)
    }

    private func readString(
        _ place: SchemaPlace, _ name: String, into shape: inout SchemaShape
    ) throws(OuroError) {
        switch name {
        case "pattern":
            guard case .string(let pattern) = place.value else { throw expected("a string", place) }
            shape.strings.patterns.append((pattern, place.path))
        case "format":
            guard case .string(let format) = place.value else { throw expected("a string", place) }
            guard !StringFormats.unsupported.contains(format) else {
                throw OuroError(.unsupported, field: place.path, "the format '\(format)' is not supported; remove it")
            }
            guard StringFormats[format] != nil else { return }
            shape.strings.formats.append((format, place.path))
        case "minLength": shape.strings.least = max(shape.strings.least, try count(place))
        default: shape.strings.most = smaller(shape.strings.most, try count(place))
        }
        shape.mentioned.insert("string")
    }

    private func readNumber(
        _ place: SchemaPlace, _ name: String, of object: SchemaObject, into shape: inout SchemaShape
    ) throws(OuroError) {
        shape.mentioned.formUnion(["number", "integer"])
        if case .bool(let isExclusive) = place.value, name.hasPrefix("exclusive") {
            // In draft 4 it says how to read `minimum` or `maximum`, which are read below.
            guard object[name == "exclusiveMinimum" ? "minimum" : "maximum"] != nil || !isExclusive else {
                throw fault(place.path, "expected a number, found a boolean")
            }
            return
        }
        guard case .number(let text) = place.value, let value = DecimalNumber(text) else {
            throw expected("a number", place)
        }
        switch name {
        case "multipleOf":
            guard !value.isNegative, !value.isZero else { throw fault(place.path, "expected a number above 0") }
            shape.numbers.factors.append(value)
        case "minimum":
            let isExclusive = object["exclusiveMinimum"].map { Self.isTrue($0) } ?? false
            shape.numbers.lower.append(.init(value: value, isExclusive: isExclusive, place: place.path))
        case "maximum":
            let isExclusive = object["exclusiveMaximum"].map { Self.isTrue($0) } ?? false
            shape.numbers.upper.append(.init(value: value, isExclusive: isExclusive, place: place.path))
        case "exclusiveMinimum":
            shape.numbers.lower.append(.init(value: value, isExclusive: true, place: place.path))
        default: shape.numbers.upper.append(.init(value: value, isExclusive: true, place: place.path))
        }
    }

    private func readArray(
        _ place: SchemaPlace, _ name: String, of object: SchemaObject, into shape: inout SchemaShape
    ) throws(OuroError) {
        shape.mentioned.insert("array")
        switch name {
        case "minItems": shape.arrays.least = max(shape.arrays.least, try count(place))
        case "maxItems": shape.arrays.most = smaller(shape.arrays.most, try count(place))
        case "uniqueItems":
            guard case .bool(let isUnique) = place.value else { throw expected("true or false", place) }
            if isUnique { shape.arrays.unique = place.path }
        case "items":
            // The keywords of one schema belong together. The first of them in the text reads all.
            if object["prefixItems"] == nil, case .array = place.value {
                let rest = object["additionalItems"].map { SchemaPlace(value: $0, path: place.path) }
                shape.arrays.parts.append(.init(prefix: try elements(place), items: rest))
            } else if object["prefixItems"] == nil {
                shape.arrays.parts.append(.init(items: place))
            }
        case "prefixItems":
            let rest = object["items"].map { SchemaPlace(value: $0, path: place.path.dropLastStep() + ".items") }
            shape.arrays.parts.append(.init(prefix: try elements(place), items: rest))
        default:
            // `additionalItems` counts only beside a list of `items`.
            break
        }
    }

    private func elements(_ place: SchemaPlace) throws(OuroError) -> [SchemaPlace] {
        guard case .array(let list) = place.value else { throw expected("a list of schemas", place) }
        return list.enumerated().map { place.element($0.offset, $0.element) }
    }

    private func readObject(
        _ place: SchemaPlace, _ name: String, of object: SchemaObject, into shape: inout SchemaShape
    ) throws(OuroError) {
        shape.mentioned.insert("object")
        switch name {
        case "properties":
            guard case .object(let properties) = place.value else { throw expected("an object of schemas", place) }
            let parent = place.path.dropLastStep()
            shape.objects.parts.append(
                .init(
                    properties: properties.members.map { ($0.name, place.member($0.name, $0.value)) },
                    additional: object["additionalProperties"].map {
                        SchemaPlace(value: $0, path: parent + ".additionalProperties")
                    }))
        case "additionalProperties":
            if object["properties"] == nil { shape.objects.parts.append(.init(additional: place)) }
        case "required":
            // Draft 3 had a boolean here; it is refused like any other value.
            guard case .array(let names) = place.value else { throw expected("a list of names", place) }
            for name in names {
                guard case .string(let name) = name else { throw expected("a list of names", place) }
                if !shape.objects.required.contains(where: { $0.name.utf8.elementsEqual(name.utf8) }) {
                    shape.objects.required.append((name, place.path))
                }
            }
        case "propertyNames": shape.objects.names.append(place)
        case "minProperties":
            shape.objects.least = max(shape.objects.least, try count(place))
            shape.objects.countPath = place.path
        default:
            shape.objects.most = smaller(shape.objects.most, try count(place))
            shape.objects.countPath = place.path
        }
    }
}

extension String {
    /// The path without its last part, which is a keyword.
    fileprivate func dropLastStep() -> String {
        guard let dot = lastIndex(of: ".") else { return self }
        return String(self[..<dot])
    }
}
