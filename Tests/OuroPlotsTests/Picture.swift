import Foundation
import Testing

#if canImport(FoundationXML)
    import FoundationXML
#endif

/// The elements of an SVG file, read by an XML parser.
struct Picture {
    struct Element {
        let name: String
        let attributes: [String: String]
        /// The text inside the element.
        var text = ""
        /// The text of the `title` inside the element.
        var title: String?

        func number(_ attribute: String) throws -> Double {
            try #require(attributes[attribute].flatMap { Double($0) }, "\(name) has no number \(attribute)")
        }

        /// The corners of a line or an area.
        func points() throws -> [(x: Double, y: Double)] {
            try (attributes["points"] ?? "").split(separator: " ").map { pair in
                let numbers = pair.split(separator: ",").compactMap { Double($0) }
                try #require(numbers.count == 2 && numbers.allSatisfy(\.isFinite), "\(pair) is not a point")
                return (numbers[0], numbers[1])
            }
        }
    }

    private let elements: [Element]

    /// - Throws: if the text is not well-formed XML.
    init(_ svg: String) throws {
        let reader = Reader()
        let parser = XMLParser(data: Data(svg.utf8))
        parser.delegate = reader
        try #require(parser.parse(), "line \(parser.lineNumber) is not XML")
        elements = reader.elements
    }

    /// The elements with this name, in the order of the file.
    func all(_ name: String) -> [Element] { elements.filter { $0.name == name } }

    /// The text element with this text. There must be exactly one.
    func text(_ text: String) throws -> Element {
        let found = all("text").filter { $0.text == text }
        try #require(found.count == 1, "'\(text)' is there \(found.count) times")
        return found[0]
    }

    /// The horizontal lines and the vertical lines.
    func lines() throws -> (horizontal: [Element], vertical: [Element]) {
        let lines = all("line")
        return (
            try lines.filter { try $0.number("y1") == $0.number("y2") },
            try lines.filter { try $0.number("x1") == $0.number("x2") }
        )
    }

    private final class Reader: NSObject, XMLParserDelegate {
        var elements: [Element] = []
        private var open: [Int] = []

        func parser(
            _ parser: XMLParser, didStartElement name: String, namespaceURI: String?, qualifiedName: String?,
            attributes: [String: String]
        ) {
            open.append(elements.count)
            elements.append(Element(name: name, attributes: attributes))
        }

        func parser(_ parser: XMLParser, foundCharacters text: String) {
            guard let index = open.last else { return }
            elements[index].text += text
        }

        func parser(
            _ parser: XMLParser, didEndElement name: String, namespaceURI: String?, qualifiedName: String?
        ) {
            guard let index = open.popLast(), name == "title", let parent = open.last else { return }
            elements[parent].title = elements[index].text
        }
    }
}
