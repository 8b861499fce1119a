/// A problem found while reading or running a template; the caller adds file and line.
struct TemplateFailure: Error {
    let message: String

    init(_ message: String) { self.message = message }
}

/// A string compared by its code points, as Python does (Swift's own comparison treats equivalent spellings alike).
struct ExactString: Hashable, Sendable {
    let text: String

    static func == (left: ExactString, right: ExactString) -> Bool {
        left.text.utf8.elementsEqual(right.text.utf8)
    }

    func hash(into hasher: inout Hasher) {
        for byte in text.utf8 { hasher.combine(byte) }
    }
}

/// What an expression of a template evaluates to: Python's values as far as templates can see them.
///
/// Values that refer to something the running template owns (namespaces, macros, loops) hold its number instead of a
/// reference, so no value can contain itself. Containers know how deeply they nest, which bounds every recursion.
indirect enum TemplateValue: Sendable {
    /// A name or member that does not exist; the text says which, for the error if it is used.
    case undefined(String)
    case none
    case bool(Bool)
    case int(Int)
    case float(Double)
    case string(String)
    case list(TemplateSequence)
    case tuple(TemplateSequence)
    case dict(TemplateDictionary)
    case namespace(Int)
    case macro(Int)
    case loop(Int)
    case function(TemplateFunction)
    case method(receiver: TemplateValue, name: String)

    /// How many containers lie inside each other here.
    var depth: Int {
        switch self {
        case .list(let items), .tuple(let items): items.depth
        case .dict(let members): members.depth
        case .method(let receiver, _): receiver.depth + 1
        default: 0
        }
    }

    /// What handling the whole value costs, in steps: one per element, and one more per 256 bytes of text.
    var weight: Int {
        switch self {
        case .string(let text): 1 + text.utf8.count / 256
        case .list(let items), .tuple(let items): items.weight
        case .dict(let members): members.weight
        case .method(let receiver, _): receiver.weight + 1
        default: 1
        }
    }

    /// The name Python gives to this value's type.
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

    /// Makes a list; an error if it nests too deeply.
    static func makeList(_ elements: [TemplateValue]) throws(TemplateFailure) -> TemplateValue {
        .list(try TemplateSequence(elements))
    }

    /// Makes a tuple; an error if it nests too deeply.
    static func makeTuple(_ elements: [TemplateValue]) throws(TemplateFailure) -> TemplateValue {
        .tuple(try TemplateSequence(elements))
    }
}

/// The elements of a list or tuple.
struct TemplateSequence: Sendable {
    let elements: [TemplateValue]
    let depth: Int
    let weight: Int

    init(_ elements: [TemplateValue]) throws(TemplateFailure) {
        var deepest = 0
        var total = 1
        for element in elements {
            deepest = max(deepest, element.depth)
            total += element.weight
            guard total <= TemplateLimits.weight else { throw TemplateLimits.tooHeavy }
        }
        guard deepest < TemplateLimits.valueDepth else { throw TemplateLimits.tooDeep }
        self.elements = elements
        depth = deepest + 1
        weight = total
    }
}

/// A dictionary that keeps the order in which its keys were added, as Python's does.
struct TemplateDictionary: Sendable {
    /// A key, reduced to what decides Python's equality: `1`, `1.0` and `True` are the same key.
    enum Key: Hashable, Sendable {
        case none
        case int(Int)
        case float(Double)
        case string(ExactString)
        indirect case tuple([Key])

        init(_ value: TemplateValue) throws(TemplateFailure) {
            switch value {
            case .none: self = .none
            case .bool(let flag): self = .int(flag ? 1 : 0)
            case .int(let number): self = .int(number)
            case .float(let number):
                if let whole = Int(exactly: number) { self = .int(whole) } else { self = .float(number) }
            case .string(let text): self = .string(ExactString(text: text))
            case .tuple(let items):
                var keys: [Key] = []
                for item in items.elements { keys.append(try Key(item)) }
                self = .tuple(keys)
            default: throw TemplateFailure("a value of type '\(value.typeName)' cannot be a dictionary's key")
            }
        }
    }

    private(set) var entries: [(key: TemplateValue, value: TemplateValue)] = []
    private(set) var depth = 1
    private(set) var weight = 1
    private var positions: [Key: Int] = [:]

    var keys: [TemplateValue] { entries.map(\.key) }
    var values: [TemplateValue] { entries.map(\.value) }

    /// The value of a key; nil if it is missing or of a type that cannot be a key.
    func value(for key: TemplateValue) -> TemplateValue? {
        guard let key = try? Key(key), let position = positions[key] else { return nil }
        return entries[position].value
    }

    func value(for name: String) -> TemplateValue? {
        guard let position = positions[.string(ExactString(text: name))] else { return nil }
        return entries[position].value
    }

    mutating func set(_ value: TemplateValue, for key: TemplateValue) throws(TemplateFailure) {
        let inner = max(value.depth, key.depth)
        guard inner < TemplateLimits.valueDepth else { throw TemplateLimits.tooDeep }
        weight += key.weight + value.weight
        guard weight <= TemplateLimits.weight else { throw TemplateLimits.tooHeavy }
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

extension TemplateValue {
    /// Converts a JSON value. An object has no order of its own, so its keys are sorted.
    init(_ json: JSONValue, depth: Int = 0) throws(TemplateFailure) {
        guard depth <= TemplateLimits.valueDepth else { throw TemplateLimits.tooDeep }
        switch json {
        case .null: self = .none
        case .bool(let flag): self = .bool(flag)
        case .int(let number): self = .int(number)
        case .double(let number): self = .float(number)
        case .string(let text): self = .string(text)
        case .array(let items):
            var elements: [TemplateValue] = []
            elements.reserveCapacity(items.count)
            for item in items { elements.append(try TemplateValue(item, depth: depth + 1)) }
            self = try .makeList(elements)
        case .object(let members):
            var dictionary = TemplateDictionary()
            for (key, member) in members.sorted(by: { $0.key < $1.key }) {
                try dictionary.set(TemplateValue(member, depth: depth + 1), for: .string(key))
            }
            self = .dict(dictionary)
        }
    }
}
