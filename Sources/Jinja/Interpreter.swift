/// The variables of a block, of one iteration of a loop, or of a macro call.
final class Scope {
    var values: [ExactString: Value]
    /// The scope around this one, in which a name is looked up next.
    let parent: Scope?

    init(values: [ExactString: Value] = [:], parent: Scope? = nil) {
        self.values = values
        self.parent = parent
    }

    func value(of name: ExactString) -> Value? {
        var scope: Scope? = self
        while let current = scope {
            if let value = current.values[name] { return value }
            scope = current.parent
        }
        return nil
    }
}

/// Runs a template once.
///
/// Values that refer to something of the running template (a loop, a namespace, a macro) are numbers of what this class
/// keeps. So a value can never contain itself, and nothing outlives the run. All work is counted against ``Limits``.
final class Interpreter {
    /// How a block ended.
    enum Flow {
        case normal, leaveLoop, nextIteration
    }

    let limits: Limits
    /// The line that runs, for errors.
    private(set) var line = 1
    /// The time of the run; nil until the template asks for it.
    private var time: LocalTime?
    /// The variables of the whole template.
    private(set) var globals = Scope()
    /// The loops that run, by number. A number is never used again.
    var loops: [Int: LoopState] = [:]
    var loopCount = 0
    var namespaces: [[ExactString: Value]] = []
    var cyclers: [(items: [Value], position: Int)] = []
    var joiners: [(separator: Value, isUsed: Bool)] = []
    /// The macros defined so far.
    var macros: [DefinedMacro] = []
    /// The blocks of the template, by name.
    var blocks: [ExactString: Statement.Block] = [:]
    /// Whether `{{ }}` escapes text for HTML: what `{% autoescape %}` sets.
    var autoescapes = false
    private var output: LimitedText
    private(set) var steps = 0
    private var depth = 0

    /// - Parameter now: The time of the run; nil for that of the system's clock.
    init(limits: Limits, now: LocalTime? = nil) {
        self.limits = limits
        time = now
        output = LimitedText(limits)
    }

    func run(
        _ statements: [Statement], context: [String: Value]
    ) throws(TemplateError) -> String {
        for (name, value) in context { globals.values[ExactString(name)] = value }
        collectBlocks(statements)
        _ = try execute(statements, globals)
        return output.text
    }

    /// The time of the run, the same whenever it is asked for.
    func now() -> LocalTime {
        let now = time ?? .current()
        time = now
        return now
    }

    // MARK: - Limits

    /// Counts work; an error if there was too much.
    func charge(_ amount: Int) throws(TemplateError) {
        let (sum, overflow) = steps.addingReportingOverflow(amount)
        guard !overflow, sum <= limits.steps else { throw limits.tooManySteps }
        steps = sum
    }

    /// Begins an expression, a block or a call; an error if they nest too deeply. ``leave()`` ends it.
    func enter(line: Int?) throws(TemplateError) {
        depth += 1
        guard depth <= Limits.runningDepth else { throw Limits.tooDeepRun }
        if let line { self.line = line }
        try charge(1)
    }

    func leave() { depth -= 1 }

    func move(to line: Int) { self.line = line }

    /// Counts something that the run keeps until its end: a macro, a namespace. It takes as much memory as several steps.
    func chargeKept() throws(TemplateError) { try charge(Limits.keptSteps) }

    /// Makes a string value; an error if it is too long.
    func makeText(_ text: String) throws(TemplateError) -> Value {
        let size = text.utf8.count
        guard size <= limits.textBytes else { throw limits.tooLong }
        try charge(size / 256)
        return .string(text)
    }

    /// Makes a list value; an error if it is too long.
    func makeList(_ elements: [Value]) throws(TemplateError) -> Value {
        try charge(elements.count)
        return try .makeList(elements)
    }

    /// Makes a string value that is safe in HTML if the flag is set; an error if it is too long.
    func makeText(_ text: String, isMarkup: Bool) throws(TemplateError) -> Value {
        let value = try makeText(text)
        return isMarkup ? .markup(text) : value
    }

    func write(_ text: String) throws(TemplateError) {
        try charge(1 + text.utf8.count / 256)
        try output.append(text)
    }

    /// Runs a body and returns what it wrote, which then is no part of the output.
    func capture(_ body: () throws(TemplateError) -> Flow) throws(TemplateError) -> (text: String, flow: Flow) {
        let outer = output
        output = LimitedText(limits)
        let flow = try body()
        let text = output.text
        output = outer
        return (text, flow)
    }
}
