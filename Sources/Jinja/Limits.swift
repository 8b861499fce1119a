/// What one rendering of a template may use.
///
/// Templates come with downloaded models and are not trusted. Each limit turns a template that would take too much
/// time, memory or stack into an error. A caller chooses the limits of time and memory; the static ones protect the
/// stack and the parser, and nobody changes them.
package struct Limits: Sendable {
    /// The work of one rendering: one step for each expression, statement, iteration and element, and one for each 256
    /// bytes of text.
    package var steps: Int
    /// The longest text in bytes. It bounds the output and every string the template makes.
    package var textBytes: Int

    package init(steps: Int = 1_000_000, textBytes: Int = 16 << 20) {
        self.steps = steps
        self.textBytes = textBytes
    }

    /// The longest template, in bytes.
    package static let sourceBytes = 1 << 20
    /// The most elements of a `range`.
    static let rangeCount = 100_000
    /// The heaviest list, tuple or dictionary, in the units of ``Value/weight``.
    static let weight = 1_000_000
    /// The most decimal places of a formatted number.
    static let floatPrecision = 1000
    /// What a macro, namespace, cycler or joiner costs, in steps: a run keeps it until its end.
    static let keptSteps = 16
    /// The deepest nesting of lists, tuples and dictionaries.
    package static let valueDepth = 64
    /// The deepest nesting of expressions in a template's text.
    static let expressionDepth = 64
    /// The deepest nesting of blocks in a template's text.
    static let blockDepth = 32
    /// The deepest nesting of expressions, blocks and macro calls while a template runs.
    static let runningDepth = 160
}

/// A text that is written piece by piece and never grows beyond the limit.
struct LimitedText {
    private(set) var text = ""
    private let limits: Limits

    init(_ limits: Limits) { self.limits = limits }

    mutating func append(_ piece: String) throws(TemplateError) {
        guard text.utf8.count + piece.utf8.count <= limits.textBytes else { throw limits.tooLong }
        text += piece
    }
}

extension Limits {
    var tooManySteps: TemplateError { TemplateError("the template takes more than \(steps) steps") }
    var tooLong: TemplateError { TemplateError("a text is longer than \(textBytes) bytes") }

    static let tooLongSource = TemplateError("the template is longer than \(sourceBytes) bytes")
    package static let tooDeep = TemplateError("values nest deeper than \(valueDepth) levels")
    static let tooHeavy = TemplateError("a value has more than \(weight) elements")
    static let tooDeepExpression = TemplateError("expressions nest deeper than \(expressionDepth) levels")
    static let tooDeepBlock = TemplateError("blocks nest deeper than \(blockDepth) levels")
    static let tooDeepRun = TemplateError("blocks and macro calls nest deeper than \(runningDepth) levels")
}
