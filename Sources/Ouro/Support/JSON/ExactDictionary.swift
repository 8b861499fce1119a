/// A dictionary with strings as keys. It compares keys by their UTF-8 bytes and keeps the order in which they were added.
///
/// Two keys are the same only if they have the same bytes. With `Dictionary`, "\u{e9}" and "e\u{301}" would be one key.
/// Small dictionaries are searched; larger ones have an index, so that a look-up takes constant time.
///
/// Two dictionaries are equal if they have the same members, in any order.
public struct ExactDictionary<Value> {
    /// A key with its value.
    public typealias Element = (key: String, value: Value)

    /// The largest number of members without an index.
    private static var searchLimit: Int { 8 }

    private var members: [Element]
    /// The index: a hash table with open addressing. A slot has the position of a member, or -1. Empty while there are
    /// few members.
    private var slots: [Int32] = []

    /// Makes an empty dictionary.
    public init() { members = [] }

    /// Makes a dictionary from its members. If a key occurs more than once, its last value is kept, at its first place.
    ///
    /// - Parameters:
    ///   - elements: the members, in order.
    public init(_ elements: some Sequence<Element>) {
        members = []
        members.reserveCapacity(elements.underestimatedCount)
        for (key, value) in elements { self[key] = value }
    }

    /// Makes a dictionary from members whose keys may be repeated.
    ///
    /// - Parameters:
    ///   - elements: the members, in order.
    ///   - onRepetition: receives the position of the first member whose key has occurred before. The dictionary then
    ///     contains only the members before it.
    package init(checking elements: [Element], onRepetition: (Int) -> Void) {
        members = elements
        guard elements.count > Self.searchLimit else {
            for position in members.indices.dropFirst() {
                let key = members[position].key
                guard members[..<position].contains(where: { $0.key.hasSameBytes(as: key) }) else { continue }
                onRepetition(position)
                members.removeSubrange(position...)
                return
            }
            return
        }
        slots = Self.emptySlots(for: elements.count)
        for position in members.indices {
            let slot = slot(of: members[position].key)
            guard slots[slot] < 0 else {
                onRepetition(position)
                members.removeSubrange(position...)
                return
            }
            slots[slot] = Int32(truncatingIfNeeded: position)
        }
    }

    /// Number of members.
    public var count: Int { members.count }
    /// Whether there are no members.
    public var isEmpty: Bool { members.isEmpty }
    /// The keys, in order.
    public var keys: [String] { members.map(\.key) }
    /// The values, in the order of their keys.
    public var values: [Value] { members.map(\.value) }

    /// The value of a key; nil if the key is missing. Setting nil removes the member. A new key comes last.
    public subscript(key: String) -> Value? {
        get { position(of: key).map { members[$0].value } }
        set {
            switch (position(of: key), newValue) {
            case (let position?, let value?): members[position].value = value
            case (nil, let value?): append(key, value)
            case (let position?, nil):
                members.remove(at: position)
                rebuild()
            case (nil, nil): break
            }
        }
    }

    /// The value of a key, or `fallback` if the key is missing.
    public subscript(key: String, default fallback: @autoclosure () -> Value) -> Value {
        get { self[key] ?? fallback() }
        set { self[key] = newValue }
    }

    /// The dictionary with every value changed.
    ///
    /// - Parameters:
    ///   - transform: makes the new value.
    public func mapValues<Other>(_ transform: (Value) -> Other) -> ExactDictionary<Other> {
        var result = ExactDictionary<Other>()
        result.members = members.map { ($0.key, transform($0.value)) }
        result.slots = slots
        return result
    }

    /// The members that a condition holds for.
    ///
    /// - Parameters:
    ///   - isIncluded: the condition.
    public func filter(_ isIncluded: (Element) -> Bool) -> ExactDictionary {
        var result = self
        result.members = members.filter(isIncluded)
        result.rebuild()
        return result
    }

    /// The members of both dictionaries. A member of `other` replaces one of this dictionary.
    ///
    /// - Parameters:
    ///   - other: the other dictionary.
    public func merging(_ other: ExactDictionary) -> ExactDictionary {
        var result = self
        for (key, value) in other { result[key] = value }
        return result
    }

    /// The members in the order of the UTF-8 bytes of their keys.
    public func sortedByKey() -> [Element] { members.sorted { $0.key.precedesInBytes($1.key) } }

    private mutating func append(_ key: String, _ value: Value) {
        members.append((key, value))
        guard members.count > Self.searchLimit else { return }
        guard slots.count >= 2 * members.count else { return rebuild() }
        slots[slot(of: key)] = Int32(truncatingIfNeeded: members.count - 1)
    }

    private mutating func rebuild() {
        slots = []
        guard members.count > Self.searchLimit else { return }
        slots = Self.emptySlots(for: 2 * members.count)
        for position in members.indices {
            slots[slot(of: members[position].key)] = Int32(truncatingIfNeeded: position)
        }
    }

    /// Slots of which at least half stay free.
    private static func emptySlots(for count: Int) -> [Int32] {
        var capacity = 32
        while capacity < 2 * count { capacity *= 2 }
        return Array(repeating: -1, count: capacity)
    }

    private func position(of key: String) -> Int? {
        guard !slots.isEmpty else { return members.firstIndex { $0.key.hasSameBytes(as: key) } }
        let position = Int(slots[slot(of: key)])
        return position < 0 ? nil : position
    }

    /// The slot of a key, or the free slot for it.
    private func slot(of key: String) -> Int {
        // The hash has a random seed, so that no file can be made of keys with the same hash.
        var hasher = Hasher()
        key.hashBytes(into: &hasher)
        var slot = hasher.finalize() & (slots.count - 1)
        while slots[slot] >= 0, !members[Int(slots[slot])].key.hasSameBytes(as: key) {
            slot = (slot + 1) & (slots.count - 1)
        }
        return slot
    }
}

extension ExactDictionary: Sequence {
    /// Iterates over the members, in order.
    public func makeIterator() -> IndexingIterator<[Element]> { members.makeIterator() }

    /// The number of members.
    public var underestimatedCount: Int { members.count }
}

extension ExactDictionary: ExpressibleByDictionaryLiteral {
    /// Makes a dictionary from a literal. If a key occurs more than once, its last value is kept.
    public init(dictionaryLiteral elements: (String, Value)...) {
        self.init(elements.lazy.map { (key: $0.0, value: $0.1) })
    }
}

extension ExactDictionary: Equatable where Value: Equatable {
    /// Whether two dictionaries have the same members, in any order.
    public static func == (left: ExactDictionary, right: ExactDictionary) -> Bool {
        left.count == right.count
            && zip(left.members, right.members).allSatisfy { one, other in
                // Most equal dictionaries have the same order. A look-up is needed only where it differs.
                (one.key.hasSameBytes(as: other.key) ? other.value : right[one.key]) == one.value
            }
    }
}

extension ExactDictionary: Sendable where Value: Sendable {}
