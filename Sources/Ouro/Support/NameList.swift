/// Names from files, made fit for an error message: few, short and on one line.
enum NameList {
    static let limit = 10

    /// The first ten names, and how many more there are.
    static func text(_ names: [String]) -> String {
        let shown = names.prefix(limit).map(clipped).joined(separator: ", ")
        return names.count > limit ? "\(shown) and \(names.count - limit) more" : shown
    }

    /// A shape as it is written in Python; long ones are cut.
    static func text(_ shape: [Int]) -> String {
        let shown = shape.prefix(limit).map(String.init).joined(separator: ", ")
        return shape.count > limit ? "[\(shown), ...]" : "[\(shown)]"
    }

    /// The name, cut after 120 characters, without control characters.
    static func clipped(_ name: String) -> String {
        var result = String.UnicodeScalarView()
        for scalar in name.unicodeScalars.prefix(120) {
            let isControl = scalar.properties.generalCategory == .control
            result.append(isControl ? "\u{FFFD}" : scalar)
        }
        return String(result) + (name.unicodeScalars.dropFirst(120).isEmpty ? "" : "...")
    }
}
