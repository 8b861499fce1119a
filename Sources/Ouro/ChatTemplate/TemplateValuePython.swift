// What Python does with any two values: truth, equality, order.

extension TemplateValue {
    /// Python's truth: zero, empty and missing things are false.
    var isTrue: Bool {
        switch self {
        case .undefined, .none: false
        case .bool(let flag): flag
        case .int(let number): number != 0
        case .float(let number): number != 0
        case .string(let text): !text.isEmpty
        case .list(let items), .tuple(let items): !items.elements.isEmpty
        case .dict(let members): !members.entries.isEmpty
        case .namespace, .macro, .loop, .function, .method: true
        }
    }

    /// The number of an int, float or boolean (Python counts True as 1).
    var number: TemplateNumber? {
        switch self {
        case .bool(let flag): .int(flag ? 1 : 0)
        case .int(let value): .int(value)
        case .float(let value): .float(value)
        default: nil
        }
    }

    /// Python's `==`.
    func equals(_ other: TemplateValue) -> Bool {
        if let left = number, let right = other.number { return left.order(right) == .same }
        switch (self, other) {
        case (.undefined, .undefined), (.none, .none): return true
        case (.string(let left), .string(let right)): return left.utf8.elementsEqual(right.utf8)
        case (.list(let left), .list(let right)), (.tuple(let left), .tuple(let right)):
            return left.elements.count == right.elements.count
                && zip(left.elements, right.elements).allSatisfy { $0.equals($1) }
        case (.dict(let left), .dict(let right)):
            return left.entries.count == right.entries.count
                && left.entries.allSatisfy { right.value(for: $0.key)?.equals($0.value) ?? false }
        case (.namespace(let left), .namespace(let right)), (.macro(let left), .macro(let right)),
            (.loop(let left), .loop(let right)):
            return left == right
        case (.function(let left), .function(let right)): return left == right
        default: return false
        }
    }

    /// Python's order of two values; an error for values that have none.
    func order(_ other: TemplateValue) throws(TemplateFailure) -> TemplateOrder {
        if let left = number, let right = other.number { return left.order(right) }
        switch (self, other) {
        case (.string(let left), .string(let right)):
            // The order of UTF-8 bytes is the order of code points.
            if left.utf8.elementsEqual(right.utf8) { return .same }
            return left.utf8.lexicographicallyPrecedes(right.utf8) ? .less : .greater
        case (.list(let left), .list(let right)), (.tuple(let left), .tuple(let right)):
            for (first, second) in zip(left.elements, right.elements) where !first.equals(second) {
                return try first.order(second)
            }
            let counts = (left.elements.count, right.elements.count)
            return counts.0 == counts.1 ? .same : counts.0 < counts.1 ? .less : .greater
        case (.undefined(let what), _), (_, .undefined(let what)): throw TemplateFailure(what)
        default:
            throw TemplateFailure("'\(typeName)' and '\(other.typeName)' cannot be ordered")
        }
    }
}

enum TemplateOrder {
    case less, same, greater
    /// At least one side is not a number.
    case none
}

/// An int or a float, with Python's rules for mixing them.
enum TemplateNumber {
    case int(Int)
    case float(Double)

    var double: Double {
        switch self {
        case .int(let value): Double(value)
        case .float(let value): value
        }
    }

    func order(_ other: TemplateNumber) -> TemplateOrder {
        if case .int(let left) = self, case .int(let right) = other {
            return left == right ? .same : left < right ? .less : .greater
        }
        let (left, right) = (double, other.double)
        return left == right ? .same : left < right ? .less : left > right ? .greater : .none
    }
}

/// Stable merge sort; the comparison may fail, which the standard library's sort does not pass on with its type.
func stableSort<Element>(
    _ elements: [Element], _ precedes: (Element, Element) throws(TemplateFailure) -> Bool
) throws(TemplateFailure) -> [Element] {
    var sorted = elements
    var width = 1
    while width < sorted.count {
        var merged: [Element] = []
        merged.reserveCapacity(sorted.count)
        var start = 0
        while start < sorted.count {
            let middle = min(start + width, sorted.count)
            let end = min(middle + width, sorted.count)
            var (left, right) = (start, middle)
            while left < middle && right < end {
                if try precedes(sorted[right], sorted[left]) {
                    merged.append(sorted[right])
                    right += 1
                } else {
                    merged.append(sorted[left])
                    left += 1
                }
            }
            merged.append(contentsOf: sorted[left..<middle])
            merged.append(contentsOf: sorted[right..<end])
            start = end
        }
        sorted = merged
        width *= 2
    }
    return sorted
}
