import Foundation
import Ouro
import OuroPlots

/// An SVG plot of accuracy against mean loops, like the paper's figure 5.
///
/// Every level has its own colour. Filled circles joined by a line show fixed loop counts. Open diamonds joined by a
/// dashed line show exit thresholds. Where the diamonds are above the line, the gate improves the trade-off. The
/// colours are legible on white and on black, and there is no background.
public struct AccuracyPlot: Sendable {
    private let results: [EvaluationResult]
    private let title: String

    private static let (width, height) = (760.0, 460.0)
    private static let area = (left: 76.0, top: 48.0, right: 590.0, bottom: 396.0)

    /// - Parameters:
    ///   - results: the results of one model at several depths.
    ///   - title: the title of the plot.
    public init(_ results: [EvaluationResult], title: String) {
        self.results = results
        self.title = title
    }

    private struct Series {
        let name: String
        let fixed: [EvaluationResult]
        let gated: [EvaluationResult]
    }

    private var series: [Series] {
        var names: [String] = []
        var groups: ExactDictionary<[EvaluationResult]> = [:]
        for result in results {
            let name = result.level.map { "level \($0)" } ?? result.task
            if groups[name] == nil { names.append(name) }
            groups[name, default: []].append(result)
        }
        return names.map { name in
            let all = groups[name] ?? []
            return Series(
                name: name, fixed: all.filter { $0.threshold >= 1 }.sorted { $0.meanLoops < $1.meanLoops },
                gated: all.filter { $0.threshold < 1 }.sorted { $0.meanLoops < $1.meanLoops })
        }
    }

    private var mostLoops: Double { Double(results.map(\.loops).max() ?? 1) }

    private func x(_ loops: Double) -> Double {
        let span = max(mostLoops - 1, 1)
        return Self.area.left + 14 + (loops - 1) / span * (Self.area.right - Self.area.left - 28)
    }

    private func y(_ accuracy: Double) -> Double {
        Self.area.bottom - accuracy * (Self.area.bottom - Self.area.top)
    }

    /// The SVG document.
    public var svg: String {
        var lines = [SVG.text(title, Self.area.left, 26, "font-size=\"16\" font-weight=\"bold\"")]
        lines += axes
        let series = series
        for (index, one) in series.enumerated() {
            lines += draw(one, colour: SVG.colour(index))
        }
        lines += legend(series)
        return SVG.document(width: Self.width, height: Self.height, lines)
    }

    private var axes: [String] {
        let area = Self.area
        var lines: [String] = []
        for percent in stride(from: 0, through: 100, by: 20) {
            let height = y(Double(percent) / 100)
            lines.append(SVG.line(area.left, height, area.right, height, "stroke-opacity=\"0.3\""))
            lines.append(SVG.text("\(percent) %", area.left - 8, height + 4.5, "text-anchor=\"end\""))
        }
        // Few labels, so that they do not overlap.
        let step = max(1, Int(mostLoops) / 8)
        for loop in stride(from: 1, through: Int(mostLoops), by: step) {
            let place = x(Double(loop))
            lines.append(SVG.line(place, area.bottom, place, area.bottom + 5, "stroke-opacity=\"0.8\""))
            lines.append(SVG.text("\(loop)", place, area.bottom + 21, "text-anchor=\"middle\""))
        }
        let middle = (area.left + area.right) / 2
        lines.append(SVG.text("mean loops per token", middle, area.bottom + 44, "text-anchor=\"middle\""))
        let centre = (area.top + area.bottom) / 2
        lines.append(
            SVG.text(
                "accuracy", 16, centre,
                "text-anchor=\"middle\" transform=\"rotate(-90 16 \(SVG.number(centre)))\""))
        return lines
    }

    private func draw(_ series: Series, colour: String) -> [String] {
        var lines: [String] = []
        func path(_ results: [EvaluationResult], _ style: String) {
            guard results.count > 1 else { return }
            lines.append(SVG.polyline(results.map { (x($0.meanLoops), y($0.accuracy)) }, colour: colour, style))
        }
        path(series.fixed, "stroke-width=\"2\"")
        path(series.gated, "stroke-width=\"1.5\" stroke-dasharray=\"5 4\"")
        for result in series.fixed {
            lines.append(
                "<circle cx=\"\(SVG.number(x(result.meanLoops)))\" cy=\"\(SVG.number(y(result.accuracy)))\" r=\"4\" "
                    + "fill=\"\(colour)\">\(note(result, "\(result.loops) loops"))</circle>")
        }
        for result in series.gated {
            lines.append(
                Self.diamond(
                    x(result.meanLoops), y(result.accuracy), colour, note(result, "threshold \(result.threshold)")))
        }
        return lines
    }

    private func legend(_ series: [Series]) -> [String] {
        let left = Self.area.right + 24
        var (lines, top): ([String], Double) = ([], Self.area.top + 8)
        for (index, one) in series.enumerated() {
            lines.append(SVG.swatch(left, top, colour: SVG.colour(index)))
            lines.append(SVG.text(one.name, left + 20, top + 1.5))
            top += 22
        }
        top += 12
        lines.append(
            "<circle cx=\"\(SVG.number(left + 6))\" cy=\"\(SVG.number(top - 3))\" r=\"4\" fill=\"\(SVG.ink)\"/>")
        lines.append(SVG.text("fixed loops", left + 20, top + 1.5))
        if series.contains(where: { !$0.gated.isEmpty }) {
            top += 22
            lines.append(Self.diamond(left + 6, top - 3, SVG.ink, ""))
            lines.append(SVG.text("exit threshold", left + 20, top + 1.5))
        }
        return lines
    }

    private func note(_ result: EvaluationResult, _ depth: String) -> String {
        let accuracy = String(format: "%.1f", result.accuracy * 100)
        return
            "<title>\(SVG.escape(depth)): \(accuracy) % at \(String(format: "%.2f", result.meanLoops)) loops</title>"
    }

    private static func diamond(_ x: Double, _ y: Double, _ colour: String, _ inside: String) -> String {
        let points = [(x, y - 5), (x + 5, y), (x, y + 5), (x - 5, y)].map { "\(SVG.number($0.0)),\(SVG.number($0.1))" }
        return "<polygon points=\"\(points.joined(separator: " "))\" fill=\"none\" stroke=\"\(colour)\" "
            + "stroke-width=\"2\">\(inside)</polygon>"
    }
}
