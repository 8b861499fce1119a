import Foundation
import OuroPlots
import Testing

@testable import Ouro
@testable import OuroTraining

/// Tests the plot of a training: the positions of losses, exits and stages.
@Suite struct TrainingPlotTests {
    private static func log(_ lines: [String]) throws -> URL {
        let url = FileManager.default.temporaryDirectory.appendingPathComponent("\(UUID().uuidString).jsonl")
        try Data(lines.joined(separator: "\n").utf8).write(to: url)
        return url
    }

    /// A plot of 600 steps of one stage and 400 of another. The third loop has no loss.
    private static func picture() throws -> Picture {
        let url = try log(
            (1...1000).map { step in
                "{\"step\":\(step),\"stage\":\"\(step <= 600 ? "a<b" : "gate")\",\"loss_per_loop\":[2,1.5,null],"
                    + "\"exit_distribution\":[0.5,0.25,0.25]}"
            })
        defer { try? FileManager.default.removeItem(at: url) }
        return try Picture(TrainingPlot(log: url, title: "one & two").svg)
    }

    /// The y coordinate of a label of the left axis.
    private static func height(_ label: String, in picture: Picture) throws -> Double {
        let element = try picture.text(label)
        #expect(element.attributes["text-anchor"] == "end")
        // The label is centred vertically on its line.
        return try element.number("y") - 4.5
    }

    private static func x(_ step: Int, in picture: Picture) throws -> Double {
        let ticks = picture.all("text").filter { $0.text == "\(step)" && $0.attributes["text-anchor"] == "middle" }
        try #require(ticks.count == 1, "step \(step)")
        return try ticks[0].number("x")
    }

    @Test func everyLoopHasALine() throws {
        let picture = try Self.picture()
        let lines = picture.all("polyline")
        #expect(lines.count == 3)
        #expect(lines.map { $0.attributes["stroke"] } == (0..<3).map(SVG.colour))
        // Each point is the mean of four steps.
        #expect(try lines.map { try $0.points().count } == [250, 250, 0])
        for (line, loss) in zip(lines, ["2", "1.5"]) {
            let (height, points) = (try Self.height(loss, in: picture), try line.points())
            #expect(points.allSatisfy { abs($0.y - height) < 0.2 }, "loss \(loss)")
            // A mean is drawn at its last step.
            #expect(try abs(#require(points.last).x - Self.x(1000, in: picture)) < 0.2)
        }
    }

    @Test func exitsAreStacked() throws {
        let picture = try Self.picture()
        let areas = picture.all("polygon")
        #expect(areas.map(\.title) == (1...3).map { "leave after loop \($0)" })
        let (bottom, middle) = (try Self.height("0 %", in: picture), try Self.height("50 %", in: picture))
        let top = try Self.height("100 %", in: picture)
        let edges = [bottom, middle, (middle + top) / 2, top]
        for (index, area) in areas.enumerated() {
            let points = try area.points()
            #expect(points.count == 500)
            #expect(points.prefix(250).allSatisfy { abs($0.y - edges[index]) < 0.2 }, "lower edge, loop \(index + 1)")
            #expect(points.suffix(250).allSatisfy { abs($0.y - edges[index + 1]) < 0.2 }, "upper edge")
        }
    }

    @Test func stagesAndLoopsAreNamed() throws {
        let picture = try Self.picture()
        for text in ["one & two", "a<b", "gate", "loop 1", "loop 2", "loop 3", "steps", "cross-entropy, nats"] {
            _ = try picture.text(text)
        }
        let borders = try picture.lines().vertical.filter { $0.attributes["stroke-dasharray"] != nil }
        #expect(borders.count == 1)
        let place = try #require(borders.first).number("x1")
        #expect(try abs(place - Self.x(600, in: picture)) < 0.2)
        #expect(try abs(picture.text("gate").number("x") - place - 4) < 0.2)
    }

    @Test func whatIsNoLogIsAnError() throws {
        for lines in [[], ["{\"step\":1}"], ["no"]] {
            let url = try Self.log(lines)
            defer { try? FileManager.default.removeItem(at: url) }
            #expect(throws: OuroError.self, "\(lines)") { try TrainingPlot(log: url, title: "") }
        }
        #expect(throws: OuroError.self) {
            try TrainingPlot(log: URL(fileURLWithPath: "/nowhere/log.jsonl"), title: "")
        }
    }

    @Test func ticksAreRound() {
        #expect([0.03, 0.7, 1, 3.2, 12].map(TrainingPlot.roundStep) == [0.05, 1, 1, 5, 20])
    }
}
