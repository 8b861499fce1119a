/// What an expression of a template evaluates to: a value of Python, as far as templates can see it.
///
/// A caller makes values of the first cases, up to `dict`. The others exist only while a template runs: `namespace`,
/// `macro`, `loop`, `cycler` and `joiner` are numbers of what the run keeps, so no value can contain itself. Containers know
/// how deeply they nest, which bounds every recursion over a value.
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
    /// A string that is safe in HTML, so `escape` leaves it as it is: `Markup` in Python.
    case markup(String)
    case namespace(Int)
    case macro(Int)
    case loop(Int)
    case cycler(Int)
    case joiner(Int)
    /// The template itself, named `self`: its members are its blocks.
    case template
    case function(Function)
    case method(receiver: Value, name: ExactString)

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
        case .string(let text), .markup(let text): 1 + text.utf8.count / 256
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
        case .markup: "Markup"
        case .namespace: "Namespace"
        case .macro: "Macro"
        case .loop: "LoopContext"
        case .cycler: "Cycler"
        case .joiner: "Joiner"
        case .template: "TemplateReference"
        case .function: "function"
        case .method: "method"
        }
    }

    var isUndefined: Bool {
        if case .undefined = self { true } else { false }
    }

    /// The text of a string, safe in HTML or not; nil for other types.
    var text: String? {
        switch self {
        case .string(let text), .markup(let text): text
        default: nil
        }
    }

    var isMarkup: Bool {
        if case .markup = self { true } else { false }
    }

    /// The value as a string that is not known to be safe in HTML; other values as they are.
    var plain: Value {
        if case .markup(let text) = self { .string(text) } else { self }
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
    /// Whether this is a tuple of `groupby`, whose elements also have the names `grouper` and `list`.
    var isGroup = false

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
        case undefined
        case int(Int)
        case float(Double)
        case string(ExactString)
        case function(Function)
        case object(type: ExactString, number: Int)
        indirect case tuple([Key])

        init(_ value: Value) throws(TemplateError) {
            switch value {
            case .none: self = .none
            case .undefined: self = .undefined
            case .bool(let flag): self = .int(flag ? 1 : 0)
            case .int(let number): self = .int(number)
            case .float(let number):
                if let whole = Int(exactly: number) { self = .int(whole) } else { self = .float(number) }
            case .string(let text), .markup(let text): self = .string(ExactString(text))
            case .tuple(let items):
                var keys: [Key] = []
                for item in items.elements { keys.append(try Key(item)) }
                self = .tuple(keys)
            case .function(let function): self = .function(function)
            case .namespace(let number), .macro(let number), .loop(let number), .cycler(let number),
                .joiner(let number):
                self = .object(type: ExactString(value.typeName), number: number)
            case .list, .dict, .template, .method:
                throw TemplateError("a value of type '\(value.typeName)' cannot be a dictionary's key")
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

    func value(for name: ExactString) -> Value? {
        guard let position = positions[.string(name)] else { return nil }
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
