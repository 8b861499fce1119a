import Foundation
import Testing

@testable import OuroEvaluation

/// The plot as a file: complete, escaped, with everything in its place.
@Suite struct AccuracyPlotTests {
    static func results(levels: Int = 3) -> [EvaluationResult] {
        var results: [EvaluationResult] = []
        func add(_ level: Int, _ reading: DepthReading, _ base: Double, mean: Double) {
            let accuracy = min(1, base + 0.25 * mean / Double(level))
            results.append(
                EvaluationResult(
                    task: "chain", level: level, reading: reading, accuracy: accuracy, meanLoops: mean, count: 500))
        }
        for level in 1...levels {
            for loops in 1...4 { add(level, .loops(loops), 0.2, mean: Double(loops)) }
            add(level, .threshold(0.3, loops: 4), 0.25, mean: 1.4)
            add(level, .threshold(0.6, loops: 4), 0.25, mean: 2.2)
            add(level, .threshold(0.9, loops: 4), 0.25, mean: 3.3)
        }
        return results
    }

    private static func count(_ text: String, _ part: String) -> Int { text.components(separatedBy: part).count - 1 }

    @Test func everyDepthHasItsMark() {
        let svg = AccuracyPlot(Self.results(), title: "chain, model").svg
        #expect(svg.hasPrefix("<svg ") && svg.hasSuffix("</svg>\n"))
        // One more of each stands in the legend.
        #expect(Self.count(svg, "<circle") == 3 * 4 + 1)
        #expect(Self.count(svg, "<polygon") == 3 * 3 + 1)
        #expect(Self.count(svg, "<polyline") == 3 * 2)
        #expect(svg.contains("level 3") && svg.contains("threshold 0.6"))
        #expect(!svg.contains("nan") && !svg.contains("inf"))
    }

    @Test func titlesAreEscaped() {
        let svg = AccuracyPlot(Self.results(levels: 1), title: "<a> & \"b\"").svg
        #expect(svg.contains("&lt;a&gt; &amp; &quot;b&quot;"))
    }

    @Test func oneDepthAloneIsAPlot() {
        let svg = AccuracyPlot(Array(Self.results().prefix(1)), title: "t").svg
        #expect(!svg.contains("nan"))
        #expect(Self.count(svg, "<polyline") == 0)
        #expect(AccuracyPlot([], title: "t").svg.hasSuffix("</svg>\n"))
    }
}
