import Testing

@testable import Ouro

/// Tests small functions that files and tables depend on.
@Suite struct SupportTests {
    /// The first numbers of Vigna's `splitmix64.c` from the state 1234567.
    @Test func randomNumbersAreThePublishedOnes() {
        var random = SplitMix64(state: 1_234_567)
        #expect(random.next() == 6_457_827_717_110_365_317)
        #expect(random.next() == 3_203_168_211_198_807_973)
        #expect(random.next() == 9_817_491_932_198_370_423)
    }

    /// The expected hashes are from the authors' table of 64-bit FNV-1a.
    @Test(arguments: [
        ("", UInt64(0xCBF2_9CE4_8422_2325)), ("a", 0xAF63_DC4C_8601_EC8C), ("foobar", 0x8594_4171_F739_67E8),
    ]) func hashesAreThePublishedOnes(text: String, expected: UInt64) {
        #expect(FNV1a.of(text) == expected)
    }

    @Test func textsArePadded() {
        #expect("ab".leftAligned(in: 4) == "ab  " && "ab".rightAligned(in: 4) == "  ab")
        #expect("abcde".leftAligned(in: 4) == "abcde" && "abcde".rightAligned(in: 4) == "abcde")
        #expect(7.digits(5) == "00007" && 123_456.digits(5) == "123456" && 255.digits(4, radix: 16) == "00ff")
    }

    @Test func membersStandOnLinesOfTheirOwn() {
        #expect(JSONOutput.object(["a": .ints([1, 2]), "b": .null]).lines == "{\n  \"a\": [1,2],\n  \"b\": null\n}")
        #expect(JSONOutput.object([:]).lines == "{}" && JSONOutput.int(1).lines == "1")
    }
}
