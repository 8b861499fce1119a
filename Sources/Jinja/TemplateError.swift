/// A template that cannot be read, or that failed while it ran.
package struct TemplateError: Error, Sendable, Equatable {
    /// What is wrong, in one sentence. The text that a template gives to `raise_exception` arrives here unchanged.
    package let message: String
    /// The line of the template, counted from 1; nil if the error belongs to no line.
    package let line: Int?

    /// An error of a part that does not know the line. ``Template`` adds it.
    init(_ message: String) { self.init(message, line: nil) }

    private init(_ message: String, line: Int?) {
        self.message = message
        self.line = line
    }

    func at(line: Int) -> TemplateError { TemplateError(message, line: line) }
}

extension TemplateError: CustomStringConvertible {
    /// `line 3: message`
    package var description: String { (line.map { "line \($0): " } ?? "") + message }
}
