/// Shortens names and shapes from files for an error message: few, short and on one line.
package enum NameList {
    /// Names or sizes to show at most.
    static let limit = 10

    /// The first ten names and the number of names left out.
    static func text(_ names: [String]) -> String {
        let shown = names.prefix(limit).map(clipped).joined(separator: ", ")
        return names.count > limit ? "\(shown) and \(names.count - limit) more" : shown
    }

    /// A shape as Python writes it, with the first ten sizes.
    static func text(_ shape: [Int]) -> String {
        let shown = shape.prefix(limit).map(String.init).joined(separator: ", ")
        return shape.count > limit ? "[\(shown), ...]" : "[\(shown)]"
    }

    /// The name, cut after `limit` characters. Control characters are replaced.
    package static func clipped(_ name: String, limit: Int) -> String {
        var result = String.UnicodeScalarView()
        for scalar in name.unicodeScalars.prefix(limit) {
            let isControl = scalar.properties.generalCategory == .control
            result.append(isControl ? "\u{FFFD}" : scalar)
        }
        return String(result) + (name.unicodeScalars.dropFirst(limit).isEmpty ? "" : "...")
    }

    /// The name, cut after 120 characters.
    package static func clipped(_ name: String) -> String { clipped(name, limit: 120) }
}
