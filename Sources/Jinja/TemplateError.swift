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

    /// The same error with a line, unless it has one.
    func at(line: Int) -> TemplateError { self.line == nil ? TemplateError(message, line: line) : self }
}

extension TemplateError {
    package static func == (left: TemplateError, right: TemplateError) -> Bool {
        ExactString(left.message) == ExactString(right.message) && left.line == right.line
    }
}

extension TemplateError: CustomStringConvertible {
    /// `line 3: message`
    package var description: String { (line.map { "line \($0): " } ?? "") + message }
}
