/// A template in the Jinja language, version 3.1.
///
/// ```swift
/// let template = try Template("Hello {{ name }}")
/// let text = try template.render(["name": .string("Ada")])
/// ```
///
/// The settings are those of Transformers: `trim_blocks` and `lstrip_blocks` are on, text is not escaped for HTML, the
/// tags `break`, `continue` and `generation` exist. An undefined name prints as nothing, and to use a member of one is an
/// error. Values cannot be changed. Whatever does not exist is an error that names it, with its line. It is raised when
/// the template is read if the text alone shows it, and when it runs otherwise.
///
/// - **Text**: `{{ }}`, `{% %}`, `{# #}`, `{% raw %}`, whitespace control with `-` and `+`.
/// - **Statements**: `for` (with `if`, `else`, `recursive`, several targets, `break`, `continue`), `if`/`elif`/`else`,
///   `set` (also attributes of a namespace, and blocks with filters), `macro` (with `varargs`, `kwargs` and `caller`),
///   `call`, `filter`, `with`, `autoescape`, `block` (with `scoped`, `required` and `self.name()`), `generation` (its tags
///   have no effect).
/// - **Expressions**: strings, numbers, lists, tuples, dictionaries, `true`, `false`, `none`; `+ - * / // % **`, `~`,
///   comparisons (also chained), `in`, `and`, `or`, `not`, `is`, `x if y else z`, members, subscripts, slices, calls with
///   `*` and `**`.
/// - **`loop`**: `index index0 revindex revindex0 first last length depth depth0 previtem nextitem cycle changed`, and
///   `loop(items)` in a recursive loop.
/// - **Functions**: `range namespace dict cycler joiner`, and those of Transformers: `raise_exception`, `strftime_now`
///   (`%a %A %b %B %c %d %D %e %F %H %I %j %l %m %M %n %p %r %R %S %t %T %u %w %x %X %y %Y %Z %z`, also as `%-d`, in
///   English and local time).
/// - **Filters**: `abs attr batch capitalize center count d default dictsort e escape filesizeformat first float
///   forceescape format groupby indent int items join last length list lower map max min random reject rejectattr replace
///   reverse round safe select selectattr slice sort string striptags sum title tojson trim truncate unique upper urlencode
///   urlize wordcount wordwrap xmlattr`. `tojson` is that of Transformers.
/// - **Tests**: `boolean callable defined divisibleby eq equalto escaped even false filter float ge greaterthan gt in
///   integer iterable le lessthan lower lt mapping ne none number odd sameas sequence string test true undefined upper`, and
///   the signs of comparisons as names.
/// - **Methods** of strings: all of Python's but `encode`, `maketrans` and `translate`; of dictionaries: `copy get items keys
///   values`; of lists: `copy count index`; of tuples: `count index`.
///
/// What needs other templates, extensions or Python itself is refused by name: the tags `include`, `import`, `from`,
/// `extends`, `do`, `trans` and `debug`, the filter `pprint`, the function `lipsum`.
///
/// Differences from Jinja:
///
/// - What is a lazy iterator there (`map`, `select`, `items()`, `range` ...) is a list here.
/// - Integers have 64 bits, and an overflow is an error.
/// - Numbers and strings that are equal are also the `sameas` each other. Python decides that by its own memory.
/// - `striptags` knows the entities of HTML 4.
/// - Strings cannot have characters by name (`\N{...}`).
///
/// Strings compare by their code points, as in Python: other spellings of the same characters are other strings.
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
