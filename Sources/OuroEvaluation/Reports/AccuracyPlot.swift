import Foundation

/// An SVG of accuracy against mean loops: the paper's figure 5 for one's own model.
///
/// Every level is a series of its own colour: filled circles for fixed loop counts, joined by a line, and open diamonds for
/// exit thresholds, joined by a dashed one. What lies above the line of fixed counts is gained by the gate. The colours
/// read on white and on black; there is no background.
public struct AccuracyPlot: Sendable {
    private let results: [EvaluationResult]
    private let title: String

    private static let (width, height) = (760.0, 460.0)
    private static let area = (left: 76.0, top: 48.0, right: 590.0, bottom: 396.0)
    /// Okabe and Ito's colours, which people with colour blindness can tell apart, without yellow and black.
    private static let colours = ["#0072B2", "#E69F00", "#009E73", "#CC79A7", "#56B4E9", "#D55E00"]
    private static let ink = "#7f8894"

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
        var groups: [String: [EvaluationResult]] = [:]
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

    /// The whole file.
    public var svg: String {
        var lines = [
            "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 \(Self.number(Self.width)) "
                + "\(Self.number(Self.height))\" width=\"\(Self.number(Self.width))\" "
                + "height=\"\(Self.number(Self.height))\" font-family=\"Helvetica, Arial, sans-serif\" font-size=\"13\" "
                + "fill=\"\(Self.ink)\">",
            Self.text(title, Self.area.left, 26, "font-size=\"16\" font-weight=\"bold\""),
        ]
        lines += axes
        let series = series
        for (index, one) in series.enumerated() {
            lines += draw(one, colour: Self.colours[index % Self.colours.count])
        }
        lines += legend(series)
        lines.append("</svg>")
        return lines.joined(separator: "\n") + "\n"
    }

    private var axes: [String] {
        let area = Self.area
        var lines: [String] = []
        for percent in stride(from: 0, through: 100, by: 20) {
            let height = y(Double(percent) / 100)
            lines.append(Self.line(area.left, height, area.right, height, "stroke-opacity=\"0.3\""))
            lines.append(Self.text("\(percent) %", area.left - 8, height + 4.5, "text-anchor=\"end\""))
        }
        // Many loops would crowd the axis.
        let step = max(1, Int(mostLoops) / 8)
        for loop in stride(from: 1, through: Int(mostLoops), by: step) {
            let place = x(Double(loop))
            lines.append(Self.line(place, area.bottom, place, area.bottom + 5, "stroke-opacity=\"0.8\""))
            lines.append(Self.text("\(loop)", place, area.bottom + 21, "text-anchor=\"middle\""))
        }
        let middle = (area.left + area.right) / 2
        lines.append(Self.text("mean loops per token", middle, area.bottom + 44, "text-anchor=\"middle\""))
        let centre = (area.top + area.bottom) / 2
        lines.append(
            Self.text(
                "accuracy", 16, centre,
                "text-anchor=\"middle\" transform=\"rotate(-90 16 \(Self.number(centre)))\""))
        return lines
    }

    private func draw(_ series: Series, colour: String) -> [String] {
        var lines: [String] = []
        func path(_ results: [EvaluationResult], _ style: String) {
            guard results.count > 1 else { return }
            let points = results.map { "\(Self.number(x($0.meanLoops))),\(Self.number(y($0.accuracy)))" }
            lines.append(
                "<polyline points=\"\(points.joined(separator: " "))\" fill=\"none\" stroke=\"\(colour)\" \(style)/>")
        }
        path(series.fixed, "stroke-width=\"2\"")
        path(series.gated, "stroke-width=\"1.5\" stroke-dasharray=\"5 4\"")
        for result in series.fixed {
            lines.append(
                "<circle cx=\"\(Self.number(x(result.meanLoops)))\" cy=\"\(Self.number(y(result.accuracy)))\" r=\"4\" "
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
            let colour = Self.colours[index % Self.colours.count]
            lines.append(
                "<rect x=\"\(Self.number(left))\" y=\"\(Self.number(top - 9))\" width=\"12\" height=\"12\" rx=\"2\" "
                    + "fill=\"\(colour)\"/>")
            lines.append(Self.text(one.name, left + 20, top + 1.5))
            top += 22
        }
        top += 12
        lines.append(
            "<circle cx=\"\(Self.number(left + 6))\" cy=\"\(Self.number(top - 3))\" r=\"4\" fill=\"\(Self.ink)\"/>")
        lines.append(Self.text("fixed loops", left + 20, top + 1.5))
        if series.contains(where: { !$0.gated.isEmpty }) {
            top += 22
            lines.append(Self.diamond(left + 6, top - 3, Self.ink, ""))
            lines.append(Self.text("exit threshold", left + 20, top + 1.5))
        }
        return lines
    }

    private func note(_ result: EvaluationResult, _ depth: String) -> String {
        let accuracy = String(format: "%.1f", result.accuracy * 100)
        return
            "<title>\(Self.escape(depth)): \(accuracy) % at \(String(format: "%.2f", result.meanLoops)) loops</title>"
    }

    private static func diamond(_ x: Double, _ y: Double, _ colour: String, _ inside: String) -> String {
        let points = [(x, y - 5), (x + 5, y), (x, y + 5), (x - 5, y)].map { "\(number($0.0)),\(number($0.1))" }
        return "<polygon points=\"\(points.joined(separator: " "))\" fill=\"none\" stroke=\"\(colour)\" "
            + "stroke-width=\"2\">\(inside)</polygon>"
    }

    private static func line(_ x1: Double, _ y1: Double, _ x2: Double, _ y2: Double, _ style: String) -> String {
        "<line x1=\"\(number(x1))\" y1=\"\(number(y1))\" x2=\"\(number(x2))\" y2=\"\(number(y2))\" stroke=\"\(ink)\" "
            + "\(style)/>"
    }

    private static func text(_ text: String, _ x: Double, _ y: Double, _ style: String = "") -> String {
        "<text x=\"\(number(x))\" y=\"\(number(y))\" \(style)>\(escape(text))</text>"
    }

    private static func number(_ value: Double) -> String {
        let text = String(format: "%.1f", value)
        return text.hasSuffix(".0") ? String(text.dropLast(2)) : text
    }

    private static func escape(_ text: String) -> String {
        text.replacing("&", with: "&amp;").replacing("<", with: "&lt;").replacing(">", with: "&gt;")
            .replacing("\"", with: "&quot;")
    }
}
