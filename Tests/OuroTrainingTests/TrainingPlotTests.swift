import Foundation
import Testing

@testable import Ouro
@testable import OuroTraining

@Suite struct TrainingPlotTests {
    private static func log(_ lines: [String]) throws -> URL {
        let url = FileManager.default.temporaryDirectory.appendingPathComponent("\(UUID().uuidString).jsonl")
        try Data(lines.joined(separator: "\n").utf8).write(to: url)
        return url
    }

    private static func line(_ step: Int, _ stage: String, losses: String, exits: String) -> String {
        "{\"step\":\(step),\"stage\":\"\(stage)\",\"loss_per_loop\":\(losses),\"exit_distribution\":\(exits)}"
    }

    @Test func aLineForEveryLoopAndABorderForEveryStage() throws {
        let lines = (1...1000).map { step in
            Self.line(step, step <= 600 ? "a<b" : "gate", losses: "[2,1.5,null]", exits: "[0.5,0.25,0.25]")
        }
        let url = try Self.log(lines)
        defer { try? FileManager.default.removeItem(at: url) }
        let svg = try TrainingPlot(log: url, title: "one & two").svg
        #expect(svg.contains("one &amp; two") && svg.contains("a&lt;b") && svg.contains(">gate<"))
        #expect(svg.components(separatedBy: "<polyline").count == 4)
        #expect(svg.components(separatedBy: "<polygon").count == 4)
        #expect(svg.components(separatedBy: "stroke-dasharray").count == 2)
        #expect(svg.utf8.count < 60_000, "\(svg.utf8.count) bytes")
        let parser = XMLCheck(svg)
        #expect(parser.isBalanced)
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

    /// Whether every element is closed.
    private struct XMLCheck {
        let isBalanced: Bool

        init(_ text: String) {
            var open: [Substring] = []
            var fits = true
            for piece in text.split(separator: "<").dropFirst(0) where piece.contains(">") {
                let tag = piece.prefix { $0 != ">" }
                let name = tag.prefix { $0 != " " && $0 != "/" }
                if tag.hasPrefix("/") {
                    fits = fits && open.popLast() == tag.dropFirst()
                } else if !tag.hasSuffix("/") {
                    open.append(name)
                }
            }
            isBalanced = fits && open.isEmpty
        }
    }

    @Test func ticksAreRound() {
        #expect([0.03, 0.7, 1, 3.2, 12].map(TrainingPlot.roundStep) == [0.05, 1, 1, 5, 20])
    }
}
