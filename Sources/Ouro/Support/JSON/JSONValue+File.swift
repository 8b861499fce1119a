import Foundation

extension JSONValue {
    /// The value for files that people and Python read: members sorted by their keys, each on a line of its own.
    ///
    /// Numbers that are not finite are written as Python writes them. A file that was read with
    /// `JSONParser.Limits.pythonFile` keeps them.
    package var fileText: String {
        var text = ""
        writeLines(to: &text, indent: "\n")
        return text + "\n"
    }

    /// - Parameter indent: a line break and the indentation of the value.
    private func writeLines(to text: inout String, indent: String) {
        let inner = indent + "  "
        switch self {
        case .double(let value) where !value.isFinite:
            text += value.isNaN ? "NaN" : value < 0 ? "-Infinity" : "Infinity"
        case .array(let elements) where !elements.isEmpty:
            for (index, element) in elements.enumerated() {
                text += (index == 0 ? "[" : ",") + inner
                element.writeLines(to: &text, indent: inner)
            }
            text += indent + "]"
        case .object(let members) where !members.isEmpty:
            for (index, member) in members.sortedByKey().enumerated() {
                text += (index == 0 ? "{" : ",") + inner
                JSONText.append(member.key, to: &text)
                text += ": "
                member.value.writeLines(to: &text, indent: inner)
            }
            text += indent + "}"
        default: text += self.text
        }
    }
}
