import Foundation
import OuroPlots
import Testing

@testable import OuroEvaluation

/// Tests the plot of accuracy: the position of every mark, and every label.
@Suite struct AccuracyPlotTests {
    private static let thresholds: [(threshold: Float, mean: Double)] = [(0.3, 1.4), (0.6, 2.2), (0.9, 3.3)]

    private static func result(
        _ level: Int, _ reading: DepthReading, _ base: Double, mean: Double
    ) -> EvaluationResult {
        EvaluationResult(
            task: "chain", level: level, reading: reading, accuracy: min(1, base + 0.25 * mean / Double(level)),
            meanLoops: mean, count: 500)
    }

    /// Results of every level, at fixed depths and at thresholds.
    private static func results(levels: Int = 3) -> [EvaluationResult] {
        (1...levels).flatMap { level in
            (1...4).map { result(level, .loops($0), 0.2, mean: Double($0)) }
                + thresholds.map { result(level, .threshold($0.threshold, loops: 4), 0.25, mean: $0.mean) }
        }
    }

    /// The axes of a picture, to check the positions of marks.
    private struct Axes {
        let left: Double
        let perLoop: Double
        let bottom: Double
        let perShare: Double

        init(_ picture: Picture) throws {
            left = try picture.text("1").number("x")
            perLoop = try (picture.text("4").number("x") - left) / 3
            let lines = try picture.lines().horizontal.map { try $0.number("y1") }
            bottom = try #require(lines.max())
            perShare = bottom - (try #require(lines.min()))
            #expect(lines.count == 6, "a line for every 20 %")
            for (index, line) in lines.sorted(by: >).enumerated() {
                #expect(abs(line - (bottom - Double(index) * perShare / 5)) < 0.2)
                // The label is centred vertically on its line.
                #expect(try abs(picture.text("\(20 * index) %").number("y") - line - 4.5) < 0.2)
            }
        }

        /// Expects the place of a result in the picture. The picture's numbers are written to a tenth of a unit.
        func expect(_ result: EvaluationResult, at place: (x: Double, y: Double)) {
            #expect(abs(left + (result.meanLoops - 1) * perLoop - place.x) < 0.2, "\(result) at \(place)")
            #expect(abs(bottom - result.accuracy * perShare - place.y) < 0.2, "\(result) at \(place)")
        }
    }

    @Test func everyMarkIsWhereTheAxesSay() throws {
        let results = Self.results()
        let picture = try Picture(AccuracyPlot(results, title: "chain, model").svg)
        let axes = try Axes(picture)
        _ = try picture.text("chain, model")
        _ = try picture.text("accuracy")
        _ = try picture.text("mean loops per token")

        // The legend has one more of each.
        let circles = picture.all("circle"), diamonds = picture.all("polygon")
        let fixed = results.filter { $0.threshold >= 1 }, gated = results.filter { $0.threshold < 1 }
        #expect(circles.count == fixed.count + 1 && diamonds.count == gated.count + 1)
        for (result, circle) in zip(fixed, circles) {
            axes.expect(result, at: (try circle.number("cx"), try circle.number("cy")))
            #expect(circle.title?.hasPrefix("\(result.loops) loops: ") == true)
            #expect(circle.attributes["fill"] == SVG.colour((result.level ?? 0) - 1))
        }
        for (result, diamond) in zip(gated, diamonds) {
            let corners = try diamond.points()
            try #require(corners.count == 4)
            axes.expect(result, at: ((corners[1].x + corners[3].x) / 2, (corners[0].y + corners[2].y) / 2))
            #expect(diamond.title?.hasPrefix("threshold \(result.threshold): ") == true)
            #expect(diamond.attributes["stroke"] == SVG.colour((result.level ?? 0) - 1))
        }
    }

    @Test func linesJoinTheMarksOfALevel() throws {
        let results = Self.results()
        let picture = try Picture(AccuracyPlot(results, title: "t").svg)
        let axes = try Axes(picture)
        let lines = picture.all("polyline")
        #expect(lines.count == 2 * 3)
        for (index, line) in lines.enumerated() {
            let level = results.filter { $0.level == index / 2 + 1 && ($0.threshold < 1) == (index % 2 == 1) }
            let points = try line.points()
            #expect(points.count == level.count)
            for (result, point) in zip(level, points) { axes.expect(result, at: point) }
            #expect((line.attributes["stroke-dasharray"] != nil) == (index % 2 == 1), "thresholds are dashed")
        }
    }

    @Test func theLegendNamesWhatIsThere() throws {
        let picture = try Picture(AccuracyPlot(Self.results(), title: "t").svg)
        for level in 1...3 { _ = try picture.text("level \(level)") }
        #expect(picture.all("rect").map { $0.attributes["fill"] } == (0..<3).map(SVG.colour))
        _ = try picture.text("fixed loops")
        _ = try picture.text("exit threshold")
        let fixed = try Picture(AccuracyPlot(Self.results().filter { $0.threshold >= 1 }, title: "t").svg)
        #expect(!fixed.all("text").contains { $0.text == "exit threshold" })
    }

    @Test func titlesAreText() throws {
        let title = "<a> & \"b\""
        _ = try Picture(AccuracyPlot(Self.results(levels: 1), title: title).svg).text(title)
    }

    @Test func oneDepthAloneIsAPlot() throws {
        let picture = try Picture(AccuracyPlot(Array(Self.results().prefix(1)), title: "t").svg)
        #expect(picture.all("circle").count == 2 && picture.all("polyline").isEmpty)
        for circle in picture.all("circle") {
            #expect(try circle.number("cx").isFinite && circle.number("cy").isFinite)
        }
    }

    @Test func nothingIsAPlot() throws {
        let picture = try Picture(AccuracyPlot([], title: "t").svg)
        #expect(picture.all("polygon").isEmpty && picture.all("rect").isEmpty)
    }
}
