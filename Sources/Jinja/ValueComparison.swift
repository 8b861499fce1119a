// Truth, equality and order of values, by Python's rules.

extension Value {
    /// Python's truth: zero and whatever is empty or undefined is false.
    var isTrue: Bool {
        switch self {
        case .undefined, .none: false
        case .bool(let flag): flag
        case .int(let number): number != 0
        case .float(let number): number != 0
        case .string(let text), .markup(let text): !text.isEmpty
        case .list(let items), .tuple(let items): !items.elements.isEmpty
        case .dict(let members): !members.entries.isEmpty
        case .namespace, .macro, .loop, .cycler, .joiner, .template, .function, .method: true
        }
    }

    /// The number of an integer, float or boolean, of which True is 1; nil for other types.
    var number: Number? {
        switch self {
        case .bool(let flag): .int(flag ? 1 : 0)
        case .int(let value): .int(value)
        case .float(let value): .float(value)
        default: nil
        }
    }

    /// Python's `==`.
    func equals(_ other: Value) -> Bool {
        if let left = number, let right = other.number { return left.order(right) == .same }
        if let left = text, let right = other.text { return ExactString(left) == ExactString(right) }
        switch (self, other) {
        case (.undefined, .undefined), (.none, .none), (.template, .template): return true
        case (.list(let left), .list(let right)), (.tuple(let left), .tuple(let right)):
            return left.elements.count == right.elements.count
                && zip(left.elements, right.elements).allSatisfy { $0.equals($1) }
        case (.dict(let left), .dict(let right)):
            return left.entries.count == right.entries.count
                && left.entries.allSatisfy { right.value(for: $0.key)?.equals($0.value) ?? false }
        case (.namespace(let left), .namespace(let right)), (.macro(let left), .macro(let right)),
            (.loop(let left), .loop(let right)), (.cycler(let left), .cycler(let right)),
            (.joiner(let left), .joiner(let right)):
            return left == right
        case (.function(let left), .function(let right)): return left == right
        case (.method(let left, let first), .method(let right, let second)):
            return first == second && left.isSame(right)
        default: return false
        }
    }

    /// Python's `is`, as far as values without an identity allow: lists and dictionaries are the same if they share their
    /// storage, other values if they have the same type and are equal. No undefined value is the same as another.
    func isSame(_ other: Value) -> Bool {
        switch (self, other) {
        case (.undefined, _): false
        case (.bool(let left), .bool(let right)): left == right
        case (.int(let left), .int(let right)): left == right
        case (.float(let left), .float(let right)): left.bitPattern == right.bitPattern
        case (.list(let left), .list(let right)), (.tuple(let left), .tuple(let right)):
            left.elements.withUnsafeBufferPointer(\.baseAddress)
                == right.elements.withUnsafeBufferPointer(\.baseAddress)
                && left.elements.count == right.elements.count
        case (.dict(let left), .dict(let right)):
            left.entries.withUnsafeBufferPointer(\.baseAddress) == right.entries.withUnsafeBufferPointer(\.baseAddress)
        case (.bool, _), (.int, _), (.float, _), (_, .bool), (_, .int), (_, .float): false
        case (.string, .markup), (.markup, .string): false
        default: equals(other)
        }
    }

    /// Python's order of two values; an error for values that have none.
    func order(_ other: Value) throws(TemplateError) -> Order {
        if let left = number, let right = other.number { return left.order(right) }
        if let left = text, let right = other.text {
            let (left, right) = (ExactString(left), ExactString(right))
            return left == right ? .same : left < right ? .less : .greater
        }
        switch (self, other) {
        case (.list(let left), .list(let right)), (.tuple(let left), .tuple(let right)):
            for (first, second) in zip(left.elements, right.elements) where !first.equals(second) {
                return try first.order(second)
            }
            let counts = (left.elements.count, right.elements.count)
            return counts.0 == counts.1 ? .same : counts.0 < counts.1 ? .less : .greater
        case (.undefined(let what), _), (_, .undefined(let what)): throw TemplateError(what)
        default:
            throw TemplateError("'\(typeName)' and '\(other.typeName)' cannot be ordered")
        }
    }
}

enum Order {
    case less, same, greater
    /// One of the two is not a number (NaN).
    case none
}

/// An integer or a float, compared as Python compares them.
enum Number {
    case int(Int)
    case float(Double)

    var double: Double {
        switch self {
        case .int(let value): Double(value)
        case .float(let value): value
        }
    }

    func order(_ other: Number) -> Order {
        switch (self, other) {
        case (.int(let left), .int(let right)): return left == right ? .same : left < right ? .less : .greater
        case (.int(let left), .float(let right)): return Self.order(left, right)
        case (.float(let left), .int(let right)):
            switch Self.order(right, left) {
            case .less: return .greater
            case .greater: return .less
            case let order: return order
            }
        case (.float(let left), .float(let right)):
            return left == right ? .same : left < right ? .less : left > right ? .greater : .none
        }
    }

    /// The order of an integer and a float by their exact values. An integer beyond 2^53 has no exact float.
    private static func order(_ left: Int, _ right: Double) -> Order {
        guard !right.isNaN else { return .none }
        guard let whole = Int(exactly: right.rounded(.down)) else { return right > 0 ? .less : .greater }
        if left != whole { return left < whole ? .less : .greater }
        return right == Double(whole) ? .same : .less
    }
}
