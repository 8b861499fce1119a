/// What a template may use. Templates come with downloaded models, so each bound turns an attack into an error.
enum TemplateLimits {
    /// The longest template, in bytes.
    static let sourceBytes = 1 << 20
    /// The most a template may do: one step per expression, statement, loop iteration and element handled, and one
    /// per 256 bytes of text handled.
    static let steps = 1_000_000
    /// The longest text, output included, in bytes.
    static let bytes = 16 << 20
    /// The longest `range`.
    static let rangeCount = 100_000
    /// The heaviest list, tuple or dictionary (see `TemplateValue.weight`).
    static let weight = 1_000_000
    /// The deepest nesting of lists, tuples and dictionaries.
    static let valueDepth = 64
    /// The deepest nesting of expressions in the template's text.
    static let expressionDepth = 64
    /// The deepest nesting of blocks in the template's text.
    static let blockDepth = 32
    /// The deepest nesting of expressions, blocks and macro calls while running.
    static let runningDepth = 160

    static let tooDeep = TemplateFailure("values nest deeper than \(valueDepth) levels")
    static let tooHeavy = TemplateFailure("a value has more than \(weight) elements")
    static let tooLong = TemplateFailure("a text is longer than \(bytes) bytes")
    static let tooManySteps = TemplateFailure("the template takes more than \(steps) steps")
    static let tooDeepExpression = TemplateFailure("expressions nest deeper than \(expressionDepth) levels")
    static let tooDeepBlock = TemplateFailure("blocks nest deeper than \(blockDepth) levels")
    static let tooDeepRun = TemplateFailure("blocks and macro calls nest deeper than \(runningDepth) levels")
}
