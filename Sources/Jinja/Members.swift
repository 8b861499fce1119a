// Attributes, subscripts and slices. A member that does not exist is undefined, as in Jinja.

extension Interpreter {
    /// `value.name`: a method if the type has one of this name, otherwise a member.
    func attribute(_ name: String, of value: Value) throws(TemplateError) -> Value {
        switch value {
        case .undefined(let what): throw TemplateError(what)
        case .namespace(let number):
            if namespaces.indices.contains(number), let member = namespaces[number][ExactString(name)] {
                return member
            }
        case .loop(let number):
            if let member = try loopAttribute(name, number) { return member }
        default:
            if Methods.names(for: value).contains(name) { return .method(receiver: value, name: name) }
            if case .dict(let members) = value, let member = members.value(for: name) { return member }
        }
        return missing(name, in: value)
    }

    /// `value[index]`: an element or member, otherwise a method.
    func item(_ index: Value, of value: Value) throws(TemplateError) -> Value {
        switch (value, index) {
        case (.undefined(let what), _): throw TemplateError(what)
        case (.list(let items), .int(let position)), (.tuple(let items), .int(let position)):
            if let position = wrapped(position, items.elements.count) { return items.elements[position] }
        case (.string(let text), .int(let position)):
            try charge(text.utf8.count / 256)
            let scalars = Array(text.unicodeScalars)
            if let position = wrapped(position, scalars.count) { return .string(String(scalars[position])) }
        case (.dict(let members), _):
            if let member = members.value(for: index) { return member }
            if case .string(let name) = index, Methods.names(for: value).contains(name) {
                return .method(receiver: value, name: name)
            }
        case (_, .string(let name)): return try attribute(name, of: value)
        default: break
        }
        try charge(index.weight)
        return missing(try str(index), in: value)
    }

    private func missing(_ name: String, in value: Value) -> Value {
        .undefined("a value of type '\(value.typeName)' has no '\(name.prefix(80))' in the supported subset")
    }

    /// The position of an index, which counts from the end if it is negative; nil if it is out of range.
    private func wrapped(_ index: Int, _ count: Int) -> Int? {
        let position = index < 0 ? index + count : index
        return position >= 0 && position < count ? position : nil
    }

    /// `value[start:stop:step]`
    func slice(
        _ value: Value, _ start: Int?, _ stop: Int?, _ step: Int?
    ) throws(TemplateError) -> Value {
        try charge(value.weight)
        switch value {
        case .undefined(let what): throw TemplateError(what)
        case .list(let items): return try makeList(slice(items.elements, start, stop, step))
        case .tuple(let items): return try .makeTuple(slice(items.elements, start, stop, step))
        case .string(let text):
            return try makeText(Text.string(of: slice(Array(text.unicodeScalars), start, stop, step)))
        default: throw TemplateError("a value of type '\(value.typeName)' cannot be sliced")
        }
    }

    private func slice<Element>(
        _ elements: [Element], _ start: Int?, _ stop: Int?, _ step: Int?
    ) throws(TemplateError) -> [Element] {
        let step = step ?? 1
        guard step != 0 else { throw TemplateError("a slice's step cannot be zero") }
        let count = elements.count
        // Python clamps to 0...count going up and to -1...count-1 going down.
        let (lowest, highest) = step > 0 ? (0, count) : (-1, count - 1)
        func clamped(_ bound: Int?, _ fallback: Int) -> Int {
            guard let bound else { return fallback }
            return min(max(bound < 0 ? bound + count : bound, lowest), highest)
        }
        let first = clamped(start, step > 0 ? lowest : highest)
        let end = clamped(stop, step > 0 ? highest : lowest)
        if step == 1 { return first < end ? Array(elements[first..<end]) : [] }
        var result: [Element] = []
        var index = first
        while step > 0 ? index < end : index > end {
            result.append(elements[index])
            let (next, overflow) = index.addingReportingOverflow(step)
            if overflow { break }
            index = next
        }
        return result
    }

    /// A member of `loop`; nil if there is none of this name.
    private func loopAttribute(_ name: String, _ number: Int) throws(TemplateError) -> Value? {
        guard loops.indices.contains(number) else { throw TemplateError("this loop has ended") }
        let (items, index) = (loops[number].items, loops[number].index)
        switch name {
        case "index": return .int(index + 1)
        case "index0": return .int(index)
        case "revindex": return .int(items.count - index)
        case "revindex0": return .int(items.count - index - 1)
        case "first": return .bool(index == 0)
        case "last": return .bool(index == items.count - 1)
        case "length": return .int(items.count)
        case "depth": return .int(1)
        case "depth0": return .int(0)
        case "previtem": return index > 0 ? items[index - 1] : .undefined("there is no previous item")
        case "nextitem": return index + 1 < items.count ? items[index + 1] : .undefined("there is no next item")
        case "cycle": return .method(receiver: .loop(number), name: name)
        default: return nil
        }
    }
}
