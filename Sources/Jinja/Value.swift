/// A string as a key, equal to another only if its code points are the same, as in Python.
///
/// Swift's `String` also equals other spellings of the same characters: "\u{e9}" and "e\u{301}" would be one key.
struct ExactString: Hashable, Sendable {
    let text: String

    init(_ text: String) { self.text = text }

    static func == (left: ExactString, right: ExactString) -> Bool {
        left.text.utf8.elementsEqual(right.text.utf8)
    }

    func hash(into hasher: inout Hasher) {
        var text = text
        text.withUTF8 { hasher.combine(bytes: UnsafeRawBufferPointer($0)) }
        hasher.combine(0xff as UInt8)
    }
}

/// What an expression of a template evaluates to: a value of Python, as far as templates can see it.
///
/// A caller makes values of the first cases, up to `dict`. The others exist only while a template runs: `namespace`,
/// `macro` and `loop` are indices into what the run keeps, so no value can contain itself. Containers know how deeply they
/// nest, which bounds every recursion over a value.
package indirect enum Value: Sendable {
    /// A name or member that does not exist. The text says which; it is the error's message if the value is used.
    case undefined(String)
    case none
    case bool(Bool)
    case int(Int)
    case float(Double)
    case string(String)
    case list(Elements)
    case tuple(Elements)
    case dict(Mapping)
    case namespace(Int)
    case macro(Int)
    case loop(Int)
    case function(Function)
    case method(receiver: Value, name: String)

    /// How deeply containers nest: 0 for a value that is none, 1 for a list of such values.
    var depth: Int {
        switch self {
        case .list(let items), .tuple(let items): items.depth
        case .dict(let members): members.depth
        case .method(let receiver, _): receiver.depth + 1
        default: 0
        }
    }

    /// What it costs to handle the whole value, in steps: one for each value in it, and one for each 256 bytes of text.
    var weight: Int {
        switch self {
        case .string(let text): 1 + text.utf8.count / 256
        case .list(let items), .tuple(let items): items.weight
        case .dict(let members): members.weight
        case .method(let receiver, _): receiver.weight + 1
        default: 1
        }
    }

    /// Python's name of the value's type.
    var typeName: String {
        switch self {
        case .undefined: "Undefined"
        case .none: "NoneType"
        case .bool: "bool"
        case .int: "int"
        case .float: "float"
        case .string: "str"
        case .list: "list"
        case .tuple: "tuple"
        case .dict: "dict"
        case .namespace: "Namespace"
        case .macro: "Macro"
        case .loop: "LoopContext"
        case .function: "function"
        case .method: "method"
        }
    }

    var isUndefined: Bool {
        if case .undefined = self { true } else { false }
    }

    /// Makes a list; an error if it nests too deeply or is too heavy.
    package static func makeList(_ elements: [Value]) throws(TemplateError) -> Value {
        .list(try Elements(elements))
    }

    /// Makes a tuple; an error if it nests too deeply or is too heavy.
    static func makeTuple(_ elements: [Value]) throws(TemplateError) -> Value {
        .tuple(try Elements(elements))
    }
}

/// The elements of a list or tuple.
package struct Elements: Sendable {
    let elements: [Value]
    let depth: Int
    let weight: Int

    init(_ elements: [Value]) throws(TemplateError) {
        var deepest = 0
        var total = 1
        for element in elements {
            deepest = max(deepest, element.depth)
            total += element.weight
            guard total <= Limits.weight else { throw Limits.tooHeavy }
        }
        guard deepest < Limits.valueDepth else { throw Limits.tooDeep }
        self.elements = elements
        depth = deepest + 1
        weight = total
    }
}

/// A dictionary that keeps the order in which its keys were added, as Python's does.
package struct Mapping: Sendable {
    /// A key, reduced to what decides Python's equality: `1`, `1.0` and `True` are one key. Strings are one key if they
    /// have the same code points.
    enum Key: Hashable, Sendable {
        case none
        case int(Int)
        case float(Double)
        case string(ExactString)
        indirect case tuple([Key])

        init(_ value: Value) throws(TemplateError) {
            switch value {
            case .none: self = .none
            case .bool(let flag): self = .int(flag ? 1 : 0)
            case .int(let number): self = .int(number)
            case .float(let number):
                if let whole = Int(exactly: number) { self = .int(whole) } else { self = .float(number) }
            case .string(let text): self = .string(ExactString(text))
            case .tuple(let items):
                var keys: [Key] = []
                for item in items.elements { keys.append(try Key(item)) }
                self = .tuple(keys)
            default: throw TemplateError("a value of type '\(value.typeName)' cannot be a dictionary's key")
            }
        }
    }

    private(set) var entries: [(key: Value, value: Value)] = []
    private(set) var depth = 1
    private(set) var weight = 1
    private var positions: [Key: Int] = [:]

    var keys: [Value] { entries.map(\.key) }
    var values: [Value] { entries.map(\.value) }

    package init() {}

    /// The value of a key; nil if the key is missing or of a type that cannot be one.
    func value(for key: Value) -> Value? {
        guard let key = try? Key(key), let position = positions[key] else { return nil }
        return entries[position].value
    }

    func value(for name: String) -> Value? {
        guard let position = positions[.string(ExactString(name))] else { return nil }
        return entries[position].value
    }

    /// Sets the value of a key. A new key comes last.
    ///
    /// - Throws: ``TemplateError`` if values nest too deeply, if the dictionary grows too heavy, or if the key is of a type
    ///   that cannot be one.
    package mutating func set(_ value: Value, for key: Value) throws(TemplateError) {
        let inner = max(value.depth, key.depth)
        guard inner < Limits.valueDepth else { throw Limits.tooDeep }
        weight += key.weight + value.weight
        guard weight <= Limits.weight else { throw Limits.tooHeavy }
        depth = max(depth, inner + 1)
        let reduced = try Key(key)
        if let position = positions[reduced] {
            entries[position].value = value
        } else {
            positions[reduced] = entries.count
            entries.append((key, value))
        }
    }
}

// Truth, equality and order, by Python's rules.
extension Value {
    /// Python's truth: zero and whatever is empty or undefined is false.
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
    func order(_ other: Value) throws(TemplateError) -> Order {
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
        if case .int(let left) = self, case .int(let right) = other {
            return left == right ? .same : left < right ? .less : .greater
        }
        let (left, right) = (double, other.double)
        return left == right ? .same : left < right ? .less : left > right ? .greater : .none
    }
}
