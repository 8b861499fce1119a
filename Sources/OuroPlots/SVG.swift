import Foundation

/// SVG elements for this project's plots. The colours are legible on white and on black.
package enum SVG {
    /// The grey of texts and axes.
    package static let ink = "#7f8894"
    /// The palette of Okabe and Ito, which is safe for colour blindness, without yellow and black.
    package static let colours = ["#0072B2", "#E69F00", "#009E73", "#CC79A7", "#56B4E9", "#D55E00"]

    /// The colour of a series. Colours repeat after the sixth.
    package static func colour(_ index: Int) -> String { colours[index % colours.count] }

    /// A complete SVG file. Sizes are in pixels.
    package static func document(width: Double, height: Double, _ elements: [String]) -> String {
        let (width, height) = (number(width), number(height))
        let head =
            "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 \(width) \(height)\" width=\"\(width)\" "
            + "height=\"\(height)\" font-family=\"Helvetica, Arial, sans-serif\" font-size=\"13\" fill=\"\(ink)\">"
        return ([head] + elements + ["</svg>"]).joined(separator: "\n") + "\n"
    }

    package static func line(_ x1: Double, _ y1: Double, _ x2: Double, _ y2: Double, _ style: String) -> String {
        "<line x1=\"\(number(x1))\" y1=\"\(number(y1))\" x2=\"\(number(x2))\" y2=\"\(number(y2))\" stroke=\"\(ink)\" "
            + "\(style)/>"
    }

    package static func text(_ text: String, _ x: Double, _ y: Double, _ style: String = "") -> String {
        "<text x=\"\(number(x))\" y=\"\(number(y))\" \(style)>\(escape(text))</text>"
    }

    package static func polyline(_ points: [(x: Double, y: Double)], colour: String, _ style: String) -> String {
        "<polyline points=\"\(list(points))\" fill=\"none\" stroke=\"\(colour)\" \(style)/>"
    }

    /// A filled polygon with a tooltip.
    package static func area(_ points: [(x: Double, y: Double)], colour: String, title: String) -> String {
        "<polygon points=\"\(list(points))\" fill=\"\(colour)\" fill-opacity=\"0.85\"><title>\(escape(title))</title></polygon>"
    }

    /// The coloured square of a legend entry.
    package static func swatch(_ x: Double, _ y: Double, colour: String) -> String {
        "<rect x=\"\(number(x))\" y=\"\(number(y - 9))\" width=\"12\" height=\"12\" rx=\"2\" fill=\"\(colour)\"/>"
    }

    private static func list(_ points: [(x: Double, y: Double)]) -> String {
        points.map { "\(number($0.x)),\(number($0.y))" }.joined(separator: " ")
    }

    /// A coordinate with at most one decimal.
    package static func number(_ value: Double) -> String {
        let text = String(format: "%.1f", value)
        return text.hasSuffix(".0") ? String(text.dropLast(2)) : text
    }

    /// Escapes a text for XML.
    package static func escape(_ text: String) -> String {
        text.replacing("&", with: "&amp;").replacing("<", with: "&lt;").replacing(">", with: "&gt;")
            .replacing("\"", with: "&quot;")
    }
}
