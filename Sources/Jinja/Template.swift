/// A template in the part of the Jinja language that chat templates use.
///
/// ```swift
/// let template = try Template("Hello {{ name }}")
/// let text = try template.render(["name": .string("Ada")])
/// ```
///
/// The settings are those of Transformers: `trim_blocks` and `lstrip_blocks` are on; an undefined name prints as
/// nothing, and to use a member of one is an error. Anything outside the following subset is an error that names it,
/// raised when the template is read if the text alone shows it, and when it runs otherwise.
///
/// - **Text**, `{{ }}`, `{% %}`, `{# #}`, `{% raw %}`, whitespace control with `-` and `+`.
/// - **Statements**: `for` (with `if`, `else`, several targets, `break`, `continue`, and `loop.index`, `index0`,
///   `revindex`, `revindex0`, `first`, `last`, `length`, `previtem`, `nextitem`, `cycle`), `if`/`elif`/`else`, `set`
///   (several targets, attributes of a namespace, blocks with filters), `macro` (outside of loops, without `caller`,
///   `varargs`, `kwargs`), `generation` (its tags have no effect).
/// - **Expressions**: strings, decimal numbers, lists, tuples, dictionaries, `true`, `false`, `none`; `+ - * / // % **`,
///   `~`, comparisons (also chained), `in`, `and`, `or`, `not`, `is`, `x if y else z`, members, subscripts, slices, calls.
/// - **Functions**: `range`, `namespace`, `dict`, `raise_exception`, `strftime_now` (`%d %m %Y %y %H %I %M %S %p %B %b
///   %A %a %F %T`, in English and local time).
/// - **Filters**: `abs capitalize count d default dictsort first float indent int items join last length list lower map
///   max min reject rejectattr replace reverse round safe select selectattr sort string sum title tojson trim unique
///   upper`.
/// - **Tests**: `boolean callable defined divisibleby eq equalto even false float ge greaterthan gt in integer iterable
///   le lessthan lower lt mapping ne none number odd sameas sequence string true undefined upper`.
/// - **Methods** of strings: `capitalize count endswith find isdigit join lower lstrip removeprefix removesuffix replace
///   rfind rsplit rstrip split splitlines startswith strip title upper`; of dictionaries: `get items keys values`; of
///   lists: `count index`. No method changes its receiver.
///
/// Differences from Jinja:
///
/// - What is a lazy iterator there (`map`, `select`, `items()`, `range` ...) is a list here.
/// - Integers have 64 bits, and an overflow is an error.
/// - Names are ASCII.
///
/// A template reaches nothing but the variables it is given and the clock. ``Limits`` bounds what it uses.
package struct Template: Sendable {
    /// The template's text.
    package let source: String
    private let statements: [Statement]

    /// Reads a template.
    ///
    /// - Throws: ``TemplateError`` with the line of what is malformed or outside the subset, without a line if the text
    ///   is longer than ``Limits/sourceBytes``.
    package init(_ source: String) throws(TemplateError) {
        guard source.utf8.count <= Limits.sourceBytes else { throw Limits.tooLongSource }
        var lexer = Lexer(source: source)
        let tokens: [Token]
        do { tokens = try lexer.run() } catch { throw error.at(line: lexer.line) }
        var parser = Parser(tokens: tokens)
        do { statements = try parser.parse() } catch { throw error.at(line: parser.line) }
        self.source = source
    }

    /// Runs the template.
    ///
    /// - Parameters:
    ///   - context: The variables, by name. A template finds no others.
    ///   - limits: What it may use.
    /// - Returns: What the template wrote.
    /// - Throws: ``TemplateError`` with the line of what failed.
    package func render(_ context: [String: Value], limits: Limits = Limits()) throws(TemplateError) -> String {
        try render(context, with: Interpreter(limits: limits))
    }

    /// Runs the template with an interpreter that the caller looks into afterwards.
    func render(_ context: [String: Value], with interpreter: Interpreter) throws(TemplateError) -> String {
        do { return try interpreter.run(statements, context: context) } catch { throw error.at(line: interpreter.line) }
    }
}
