import Testing

@testable import Jinja

/// Tests that a damaged template either renders or throws an error with a line. A crash ends the whole test run.
@Suite struct FuzzTests {
    private static let pieces = [
        "{{", "}}", "{%", "%}", "{#", "#}", "-", "+", "~", "|", " is ", " not ", " in ", " and ", " if ", " else ", "(",
        ")",
        "[", "]", "{", "}", ",", ":", ".", "'", "\"", "\\", "\\x4", "\\ud800", "0", "-1", "9223372036854775807",
        "1e300",
        "none", "missing", "messages", "tool", "word", "loop", "range(5)", "namespace()", "dict()", "|join", "|sort",
        "|map('upper')", "|tojson(indent=2)", "|round(2)", "|int", "|unique", "|replace('', 'x')", "[::-1]", "\u{301}",
        "\u{1f680}", "\r\n", "\n", "{% for x in names %}", "{% endfor %}", "{% macro m(a, b=1) %}", "{% endmacro %}",
        "{% set x %}", "{% endset %}", "{% raw %}", "{% endraw %}", "*", "**", "//", "%",
    ].map { Array($0.utf8) }

    private struct Random: RandomNumberGenerator {
        var state: UInt64
        mutating func next() -> UInt64 {
            state &+= 0x9E37_79B9_7F4A_7C15
            var z = state
            z = (z ^ (z >> 30)) &* 0xBF58_476D_1CE4_E5B9
            z = (z ^ (z >> 27)) &* 0x94D0_49BB_1331_11EB
            return z ^ (z >> 31)
        }
        mutating func below(_ bound: Int) -> Int { Int.random(in: 0..<max(1, bound), using: &self) }
    }

    /// Inserts, removes, duplicates or replaces a part, or adds a part of another template.
    private static func mutate(_ bytes: inout [UInt8], with others: [[UInt8]], _ random: inout Random) {
        let index = random.below(bytes.count + 1)
        let end = min(bytes.count, index + 1 + random.below(20))
        let piece = pieces[random.below(pieces.count)]
        switch random.below(6) {
        case 0: bytes.insert(contentsOf: piece, at: index)
        case 1: bytes.removeSubrange(index..<end)
        case 2: bytes.insert(contentsOf: bytes[index..<end], at: index)
        case 3: bytes.replaceSubrange(index..<min(bytes.count, index + piece.count), with: piece)
        case 4:
            let other = others[random.below(others.count)]
            let start = random.below(other.count)
            bytes.insert(contentsOf: other[start..<min(other.count, start + 30)], at: index)
        default: bytes += others[random.below(others.count)]
        }
    }

    @Test(arguments: 0..<8)
    func damagedTemplatesGiveTextsOrErrors(seed: Int) throws {
        let golden = try Golden.load()
        let variables = try golden.variables
        let sources = (golden.cases.map(\.template) + golden.failing).map { Array($0.utf8) }
        let limits = Limits(steps: 20_000, textBytes: 1 << 16)
        var random = Random(state: UInt64(seed))
        var (texts, errors) = (0, 0)
        for _ in 0..<500 {
            var bytes = sources[random.below(sources.count)]
            for _ in 0...random.below(3) { Self.mutate(&bytes, with: sources, &random) }
            let source = String(decoding: bytes, as: UTF8.self)
            do throws(TemplateError) {
                let text = try Template(source).render(variables, limits: limits)
                #expect(text.utf8.count <= limits.textBytes)
                texts += 1
            } catch {
                #expect((error.line ?? 0) >= 1 && !error.message.isEmpty, "\(source): \(error)")
                errors += 1
            }
        }
        #expect(texts > 20 && errors > 20)
    }
}
