import Testing

@testable import Ouro

/// Names are the same only if their bytes are the same.
@Suite struct ExactDictionaryTests {
    /// Pairs of different names that Swift's strings take for one.
    static let pairs = [
        ("\u{e9}", "e\u{301}"), ("\u{212A}", "K"), ("\u{1E69}", "s\u{323}\u{307}"),
        ("a\u{323}\u{307}", "a\u{307}\u{323}"),
        ("\u{AC00}", "\u{1100}\u{1161}"), ("\u{37E}", ";"),
    ]

    @Test(arguments: [0, 1, 7, 8, 9, 40]) func namesThatLookAlikeAreDifferentKeys(others: Int) {
        for (one, other) in Self.pairs {
            #expect(one == other, "the pair proves nothing")
            var dictionary = ExactDictionary<Int>()
            for index in 0..<others { dictionary["x\(index)"] = index }
            dictionary[one] = -1
            #expect(dictionary[other] == nil)
            dictionary[other] = -2
            #expect(dictionary.count == others + 2 && dictionary[one] == -1 && dictionary[other] == -2)
            dictionary[one] = nil
            #expect(dictionary[one] == nil && dictionary[other] == -2 && dictionary.count == others + 1)
            #expect(ExactString(one) != ExactString(other) && Set([one, other].map { ExactString($0) }).count == 2)
            #expect(![one].containsBytes(of: other))
        }
    }

    @Test func membersKeepTheirOrder() {
        var dictionary: ExactDictionary = ["b": 1, "a": 2, "b": 3]
        #expect(dictionary.keys == ["b", "a"] && dictionary.values == [3, 2])
        for index in 0..<100 { dictionary["k\(99 - index)"] = index }
        #expect(dictionary.keys == ["b", "a"] + (0..<100).map { "k\(99 - $0)" })
        #expect(dictionary.count { $0.value < 50 } == 52 && dictionary["k0"] == 99)
        dictionary["a"] = nil
        #expect(dictionary.keys.prefix(2) == ["b", "k99"] && dictionary["k0"] == 99 && dictionary["a"] == nil)
        let even = dictionary.filter { $0.value.isMultiple(of: 2) }
        #expect(even.count == 50 && even["k99"] == 0 && even["k98"] == nil)
        #expect(even.mapValues { "\($0)" }["k97"] == "2")
        #expect(even.merging(["k99": 7, "new": 8])["k99"] == 7)
        #expect((["y": 2, "x": 1] as ExactDictionary).sortedByKey().map(\.key) == ["x", "y"])
    }

    @Test func theOrderOfMembersDoesNotCountForEquality() {
        let one: ExactDictionary = ["a": 1, "b": 2], other: ExactDictionary = ["b": 2, "a": 1]
        #expect(one == other && one != ["a": 1, "c": 2] && one != ["a": 1] && one != ["a": 1, "b": 3])
        #expect(JSONValue.string("\u{e9}") != .string("e\u{301}"))
        #expect(JSONValue.object(["\u{e9}": .null]) != .object(["e\u{301}": .null]))
    }

    @Test func aPropertyWithADotIsAKeyOfItsOwn() throws {
        let value = try JSONValue(parsing: #"{"z":1,"a":{"properties":2},"a.properties":3}"#)
        guard case .object(let members) = value else {
            Issue.record("\(value)")
            return
        }
        #expect(members.keys == ["z", "a", "a.properties"] && members["a.properties"] == .int(3))
    }
}
