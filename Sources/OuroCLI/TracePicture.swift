import Foundation
import Ouro

/// Draws a generation as SVG. Columns are positions, lines are passes. Every row is a cell, coloured by its loop.
struct TracePicture {
    private let trace: GenerationTrace
    private let tokens: [(position: Int, text: String)]
    private let loops: Int

    private static let cell = 18
    private static let left = 64
    private static let top = 96
    private static let ramp = ["#1a9850", "#91cf60", "#fee08b", "#fc8d59", "#d73027", "#a50f15"]

    init(_ trace: GenerationTrace, tokens: [(position: Int, text: String)], loops: Int) {
        self.trace = trace
        self.tokens = tokens
        self.loops = loops
    }

    /// - Throws: `OuroError` with code `unwritableFile`.
    func write(to path: String) throws(OuroError) {
        do {
            try Data(svg.utf8).write(to: URL(fileURLWithPath: path), options: .atomic)
        } catch {
            throw OuroError(.unwritableFile, file: path, "cannot be written: \(error.localizedDescription)")
        }
    }

    private func colour(_ loop: Int) -> String {
        guard loops > 1 else { return Self.ramp[0] }
        return Self.ramp[min((loop - 1) * (Self.ramp.count - 1) / (loops - 1), Self.ramp.count - 1)]
    }

    private static func escape(_ text: String) -> String {
        let visible = text.unicodeScalars.map { scalar -> String in
            switch scalar {
            case " ": "·"
            case "\n": "↵"
            case "&": "&amp;"
            case "<": "&lt;"
            case ">": "&gt;"
            case "\"": "&quot;"
            case _ where scalar.value < 0x20: "?"
            default: String(scalar)
            }
        }
        return visible.joined()
    }

    var svg: String {
        let first = trace.rows.map(\.position).min() ?? 0
        let last = (trace.rows.map(\.position).max() ?? 0) + 1
        let start = trace.rows.map(\.pass).min() ?? 1
        let passes = (trace.rows.map(\.pass).max() ?? start) - start + 1
        let width = Self.left + (last - first + 1) * Self.cell + 20
        let height = Self.top + passes * Self.cell + 56
        func x(_ position: Int) -> Int { Self.left + (position - first) * Self.cell }
        func y(_ pass: Int) -> Int { Self.top + (pass - start) * Self.cell }
        var out = """
            <svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 \(max(width, 560)) \(height)" \
            font-family="system-ui, sans-serif" font-size="11">
            <rect width="100%" height="100%" fill="#ffffff"/>
            <defs><pattern id="dropped" width="4" height="4" patternUnits="userSpaceOnUse" \
            patternTransform="rotate(45)"><rect width="2" height="4" fill="#ffffff" fill-opacity="0.85"/></pattern></defs>

            """
        // A token is written above the rows that have it as input.
        for token in tokens {
            let centre = x(token.position) + Self.cell / 2 + 4
            out += """
                <text transform="translate(\(centre) \(Self.top - 6)) rotate(-60)" fill="#333333">\
                \(Self.escape(token.text))</text>

                """
        }
        for pass in stride(from: 0, to: passes, by: 5) {
            out += """
                <text x="\(Self.left - 8)" y="\(y(start + pass) + 13)" text-anchor="end" fill="#666666">\
                \(pass == 0 ? "pass " : "")\(start + pass)</text>

                """
        }
        for row in trace.rows {
            let place =
                "x=\"\(x(row.position) + 1)\" y=\"\(y(row.pass) + 1)\" width=\"\(Self.cell - 2)\" "
                + "height=\"\(Self.cell - 2)\" rx=\"2\""
            let faint = row.kind == .filler ? " fill-opacity=\"0.35\"" : ""
            let edge = row.kind == .draft ? " stroke=\"#333333\" stroke-width=\"0.8\"" : ""
            out += "<rect \(place) fill=\"\(colour(row.loop))\"\(faint)\(edge)/>"
            if row.isDropped { out += "<rect \(place) fill=\"url(#dropped)\"/>" }
            out +=
                "<text x=\"\(x(row.position) + Self.cell / 2)\" y=\"\(y(row.pass) + 13)\" text-anchor=\"middle\" "
                + "fill=\"#222222\">\(row.loop)</text>\n"
        }
        let line = height - 30
        out += "<g transform=\"translate(\(Self.left) \(line))\">"
        for (index, entry) in [
            ("on a final token", "", ""), ("on a guess", " stroke=\"#333333\" stroke-width=\"0.8\"", ""),
            ("a wrong guess", " stroke=\"#333333\" stroke-width=\"0.8\"", "dropped"),
            ("filler, after the exit", " fill-opacity=\"0.35\"", ""),
        ].enumerated() {
            let at = index * 124
            out += "<rect x=\"\(at)\" width=\"14\" height=\"14\" rx=\"2\" fill=\"\(colour(1))\"\(entry.1)/>"
            if !entry.2.isEmpty { out += "<rect x=\"\(at)\" width=\"14\" height=\"14\" fill=\"url(#dropped)\"/>" }
            out += "<text x=\"\(at + 20)\" y=\"11\" fill=\"#333333\">\(entry.0)</text>"
        }
        return out + "</g>\n</svg>\n"
    }
}
