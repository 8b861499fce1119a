import Foundation
import Testing

/// The package's own sources, for tests that check layering and names.
enum SourceFiles {
    static let root = URL(fileURLWithPath: #filePath).deletingLastPathComponent()
        .appendingPathComponent("../../Sources").standardizedFileURL

    /// The Swift files below a folder of `Sources`, with the lines that are not comments.
    static func code(in folder: String = "") throws -> [(file: String, lines: [Substring])] {
        let files = FileManager.default.enumerator(
            at: root.appendingPathComponent(folder), includingPropertiesForKeys: nil)
        var result: [(file: String, lines: [Substring])] = []
        for case let url as URL in try #require(files) where url.pathExtension == "swift" {
            let lines = try String(contentsOf: url, encoding: .utf8).split(separator: "\n").filter {
                !$0.drop { $0 == " " }.hasPrefix("//")
            }
            result.append((url.lastPathComponent, lines))
        }
        // The enumerator of a missing folder has no files.
        try #require(!result.isEmpty, "there is no Swift file in Sources/\(folder)")
        return result
    }

    /// The words of a line that are not in a string.
    static func words(_ line: Substring) -> [Substring] {
        let parts = line.split(separator: "\"", omittingEmptySubsequences: false)
        let code = stride(from: 0, to: parts.count, by: 2).map { parts[$0] }
        return code.flatMap { $0.split { !($0.isLetter || $0.isNumber || $0 == "_") } }
    }
}
