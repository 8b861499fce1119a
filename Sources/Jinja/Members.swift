// Attributes, subscripts and slices. A member that does not exist is undefined, as in Jinja.

extension Interpreter {
    /// `value.name`: what belongs to the type, otherwise a member of a dictionary.
    func attribute(_ name: ExactString, of value: Value) throws(TemplateError) -> Value {
        if let member = try ownAttribute(name, of: value) { return member }
        if case .dict(let members) = value, let member = members.value(for: name) { return member }
        return missing(name.text, in: value)
    }

    /// A method or another attribute of a value, but no entry of a dictionary; nil if there is none of this name.
    func ownAttribute(_ name: ExactString, of value: Value) throws(TemplateError) -> Value? {
        switch value {
        case .undefined(let what): throw TemplateError(what)
        case .namespace(let number): return namespaces.indices.contains(number) ? namespaces[number][name] : nil
        case .loop(let number): return try loopAttribute(name, number)
        case .macro(let number): return try macroAttribute(name, number)
        case .cycler(let number): return cyclerAttribute(name, number)
        case .joiner(let number):
            guard joiners.indices.contains(number) else { return nil }
            return name == "sep" ? joiners[number].separator : name == "used" ? .bool(joiners[number].isUsed) : nil
        case .template: return blocks[name].map { _ in .method(receiver: value, name: name) }
        case .tuple(let items) where items.isGroup && (name == "grouper" || name == "list"):
            return items.elements[name == "grouper" ? 0 : 1]
        default: return Methods.names(for: value).contains(name) ? .method(receiver: value, name: name) : nil
        }
    }

    /// `value[index]`: an element or member, otherwise a method.
    func item(_ index: Value, of value: Value) throws(TemplateError) -> Value {
        let position: Int? =
            index.isInteger ? index.number.flatMap { if case .int(let number) = $0 { number } else { nil } } : nil
        switch value {
        case .undefined(let what): throw TemplateError(what)
        case .list(let items), .tuple(let items):
            if let position = position.flatMap({ wrapped($0, items.elements.count) }) {
                return items.elements[position]
            }
        case .string(let text), .markup(let text):
            guard let position else { break }
            try charge(text.utf8.count / 256)
            let scalars = Array(text.unicodeScalars)
            if let position = wrapped(position, scalars.count) {
                return try makeText(String(scalars[position]), isMarkup: value.isMarkup)
            }
        case .dict(let members):
            if let member = members.value(for: index) { return member }
        default: break
        }
        if let name = index.text { return try ownAttribute(ExactString(name), of: value) ?? missing(name, in: value) }
        try charge(index.weight)
        return missing(try str(index), in: value)
    }

    func missing(_ name: String, in value: Value) -> Value {
        if Methods.changesReceiver(ExactString(name), value) {
            return .undefined("'\(name)' changes a value of type '\(value.typeName)'; templates cannot change values")
        }
        return .undefined("a value of type '\(value.typeName)' has no '\(name.prefix(80))'")
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
        case .string(let text), .markup(let text):
            let scalars = try slice(Array(text.unicodeScalars), start, stop, step)
            return try makeText(Text.string(of: scalars), isMarkup: value.isMarkup)
        default: throw TemplateError("a value of type '\(value.typeName)' cannot be sliced")
        }
    }

    func slice<Element>(
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
}
