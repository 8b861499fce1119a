import Foundation
import Ouro
import OuroPlots

/// An SVG plot of a training over its steps: the cross-entropy after each loop, and below it the exit distribution.
public struct TrainingPlot: Sendable {
    private let points: [Point]
    private let title: String

    /// A logged step, or the mean of several logged steps.
    struct Point: Sendable {
        var step: Double
        var stage: String
        var losses: [Double]
        var exits: [Double]
    }

    private static let (width, height) = (860.0, 560.0)
    private static let (left, right) = (76.0, 720.0)
    private static let loss = (top: 56.0, bottom: 300.0)
    private static let exits = (top: 348.0, bottom: 490.0)
    /// The largest number of points. More would not be visible.
    private static let pointLimit = 320

    /// Reads the log of a training.
    ///
    /// - Parameters:
    ///   - log: the file `log.jsonl` of a training.
    ///   - title: the title of the plot.
    /// - Throws: `OuroError` with code `unreadableFile` if there is no such file, or `invalidData` if it has no steps
    ///   or a damaged line.
    public init(log: URL, title: String) throws(OuroError) {
        let data: Data
        do {
            data = try Data(contentsOf: log)
        } catch {
            throw OuroError(
                .unreadableFile, file: log.path, "the training log cannot be read: \(error.localizedDescription)")
        }
        var points: [Point] = []
        for (index, line) in data.split(separator: UInt8(ascii: "\n")).enumerated() {
            let fields = try Fields(
                parsing: Data(line), source: .init(code: .invalidData, file: log.path, line: index + 1))
            // The log has null for a number that is not finite.
            func numbers(_ name: String, least: Int, null: Double) throws(OuroError) -> [Double] {
                var numbers: [Double] = []
                for value in try fields.required(name, fields.array(name, count: least...Int.max, of: "numbers")) {
                    numbers.append(value == .null ? null : try fields.number(value, name, -1e300...1e300))
                }
                return numbers
            }
            points.append(
                Point(
                    step: Double(try fields.required("step", fields.integer("step"))),
                    stage: try fields.required("stage", fields.string("stage")),
                    losses: try numbers("loss_per_loop", least: 1, null: .nan),
                    exits: try numbers("exit_distribution", least: 0, null: 0)))
        }
        self.points = Self.thinned(points)
        guard !self.points.isEmpty else {
            throw OuroError(.invalidData, file: log.path, "no step has been logged yet")
        }
        self.title = title
    }

    /// The plot's file in a training's output folder: `plot.svg`.
    public static func file(in folder: URL) -> URL { folder.appendingPathComponent("plot.svg") }

    /// Plots the `log.jsonl` in a training's output folder to `plot.svg`.
    ///
    /// - Parameters:
    ///   - folder: the output folder of a training.
    ///   - title: the title of the plot.
    /// - Throws: `OuroError` if the log cannot be read, or with code `unwritableFile` if the plot cannot be written.
    public static func draw(_ folder: URL, title: String) throws(OuroError) {
        let plot = try TrainingPlot(log: folder.appendingPathComponent("log.jsonl"), title: title)
        try AtomicFile.write(Data(plot.svg.utf8), to: Self.file(in: folder))
    }

    /// Reduces the number of points: neighbours within a stage become their mean.
    private static func thinned(_ points: [Point]) -> [Point] {
        let size = (points.count + pointLimit - 1) / pointLimit
        var (result, group): ([Point], [Point]) = ([], [])
        func flush() {
            guard var mean = group.last else { return }
            let others = group.dropLast()
            for loop in mean.losses.indices {
                mean.losses[loop] = (others.map { $0.losses[loop] }.reduce(mean.losses[loop], +)) / Double(group.count)
                mean.exits[loop] = (others.map { $0.exits[loop] }.reduce(mean.exits[loop], +)) / Double(group.count)
            }
            result.append(mean)
            group = []
        }
        for point in points {
            if let last = group.last, last.stage != point.stage || last.losses.count != point.losses.count { flush() }
            guard point.exits.count == point.losses.count else { continue }
            group.append(point)
            if group.count == size { flush() }
        }
        flush()
        return result
    }

    private var loops: Int { points.map(\.losses.count).max() ?? 1 }

    private func x(_ step: Double) -> Double {
        let last = max(points.last?.step ?? 1, 1)
        return Self.left + step / last * (Self.right - Self.left)
    }

    /// The SVG document.
    public var svg: String {
        var elements = [SVG.text(title, Self.left, 26, "font-size=\"16\" font-weight=\"bold\"")]
        elements += stackedExits + exitAxis + stageBorders + lossPanel + stepAxis + legend
        return SVG.document(width: Self.width, height: Self.height, elements)
    }

    // MARK: cross-entropy

    private var lossPanel: [String] {
        let values = points.flatMap(\.losses).filter(\.isFinite)
        let step = Self.roundStep((values.max() ?? 1) / 4)
        let top = max(step, ((values.max() ?? 1) / step).rounded(.up) * step)
        func y(_ value: Double) -> Double { Self.loss.bottom - value / top * (Self.loss.bottom - Self.loss.top) }
        var lines: [String] = []
        for tick in 0...Int((top / step).rounded()) {
            let value = Double(tick) * step
            lines.append(SVG.line(Self.left, y(value), Self.right, y(value), "stroke-opacity=\"0.3\""))
            lines.append(SVG.text(String(format: "%.3g", value), Self.left - 8, y(value) + 4.5, "text-anchor=\"end\""))
        }
        lines.append(Self.vertical("cross-entropy, nats", (Self.loss.top + Self.loss.bottom) / 2))
        for loop in 0..<loops {
            let series = points.filter { $0.losses.count > loop && $0.losses[loop].isFinite }
            lines.append(
                SVG.polyline(
                    series.map { (x($0.step), y($0.losses[loop])) }, colour: SVG.colour(loop),
                    "stroke-width=\"1.6\" stroke-linejoin=\"round\""))
        }
        return lines
    }

    /// The smallest of 1, 2 and 5 times a power of ten that is at least `value`.
    static func roundStep(_ value: Double) -> Double {
        guard value.isFinite, value > 0 else { return 1 }
        let power = pow(10, log10(value).rounded(.down))
        return power * ([1, 2, 5, 10].first { $0 * power >= value } ?? 10)
    }

    // MARK: exits

    private static func exitHeight(_ share: Double) -> Double {
        exits.bottom - min(max(share, 0), 1) * (exits.bottom - exits.top)
    }

    private var stackedExits: [String] {
        (0..<loops).map { loop in
            func edge(_ point: Point, _ count: Int) -> (x: Double, y: Double) {
                (x(point.step), Self.exitHeight(point.exits.prefix(count).reduce(0, +)))
            }
            let outline = points.map { edge($0, loop) } + points.reversed().map { edge($0, loop + 1) }
            return SVG.area(outline, colour: SVG.colour(loop), title: "leave after loop \(loop + 1)")
        }
    }

    private var exitAxis: [String] {
        var lines = [0.0, 0.5, 1].map {
            SVG.text(
                "\(Int($0 * 100)) %", Self.left - 8, Self.exitHeight($0) + 4.5, "text-anchor=\"end\"")
        }
        lines.append(Self.vertical("positions that leave", (Self.exits.top + Self.exits.bottom) / 2))
        return lines
    }

    // MARK: shared

    private static func vertical(_ text: String, _ y: Double) -> String {
        SVG.text(text, 16, y, "text-anchor=\"middle\" transform=\"rotate(-90 16 \(SVG.number(y)))\"")
    }

    private var stageBorders: [String] {
        var lines: [String] = []
        var lastLabel = -Double.infinity
        for (index, point) in points.enumerated() where index == 0 || points[index - 1].stage != point.stage {
            let place = index == 0 ? Self.left : x(points[index - 1].step)
            if index > 0 {
                lines.append(
                    SVG.line(place, Self.loss.top, place, Self.exits.bottom, "stroke-dasharray=\"3 4\""))
            }
            // The name of a short stage must not overlap the next name.
            let y = place - lastLabel < 120 ? Self.loss.top + 8 : Self.loss.top - 8
            lines.append(SVG.text(point.stage, place + 4, y, "font-style=\"italic\""))
            lastLabel = place
        }
        return lines
    }

    private var stepAxis: [String] {
        let last = points.last?.step ?? 1
        let step = max(1, Self.roundStep(last / 8))
        var lines = stride(from: 0, through: last, by: step).flatMap { value in
            [
                SVG.line(x(value), Self.exits.bottom, x(value), Self.exits.bottom + 5, "stroke-opacity=\"0.8\""),
                SVG.text("\(Int(value))", x(value), Self.exits.bottom + 21, "text-anchor=\"middle\""),
            ]
        }
        lines.append(
            SVG.text("steps", (Self.left + Self.right) / 2, Self.exits.bottom + 44, "text-anchor=\"middle\""))
        return lines
    }

    private var legend: [String] {
        (0..<loops).flatMap { loop in
            let top = Self.loss.top + 8 + Double(loop) * 22
            return [
                SVG.swatch(Self.right + 24, top, colour: SVG.colour(loop)),
                SVG.text("loop \(loop + 1)", Self.right + 44, top + 1.5),
            ]
        }
    }
}
