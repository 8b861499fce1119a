import Foundation
import Testing

/// Tests that the help fits a terminal of 80 columns, so that its examples can be copied.
@Suite struct HelpTests {
    static let verbs: [[String]] = [
        [], ["generate"], ["chat"], ["serve"], ["score"], ["eval"], ["train"], ["upcycle"], ["merge"], ["quantize"],
        ["data"], ["data", "pack"], ["data", "synth"], ["inspect"], ["tokenize"], ["bench"], ["download"], ["health"],
    ]

    /// The lines above the lists of arguments and options, in a terminal of this width.
    private static func opening(_ verb: [String], columns: Int) throws -> [Substring] {
        let result = try CommandLineTool.run(verb + ["--help"], environment: ["COLUMNS": "\(columns)"])
        let lines = result.output.split(separator: "\n", omittingEmptySubsequences: false)
        return Array(lines.prefix(while: { $0 != "ARGUMENTS:" && $0 != "OPTIONS:" }))
    }

    @Test(arguments: verbs) func linesFitEightyColumns(verb: [String]) throws {
        let lines = try Self.opening(verb, columns: 80)
        #expect(lines.count > 2, "\(lines)")
        let long = lines.filter { $0.count > 80 }
        #expect(long.isEmpty, "\(long)")
    }

    /// Indented lines are examples and lists. A line that wraps is a different command when it is copied.
    @Test(arguments: verbs) func indentedLinesDoNotWrap(verb: [String]) throws {
        let narrow = try Self.opening(verb, columns: 80).filter { $0.hasPrefix("  ") }
        let wide = try Self.opening(verb, columns: 1000).filter { $0.hasPrefix("  ") }
        #expect(narrow == wide)
    }
}
