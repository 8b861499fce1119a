/// A piece of a template's text, as the lexer cuts it.
struct Token: Sendable, Equatable {
    enum Kind: Sendable, Equatable {
        /// Text outside of tags, after whitespace control.
        case text(ExactString)
        /// `{{`
        case outputBegin
        /// `}}`
        case outputEnd
        /// `{%`
        case blockBegin
        /// `%}`
        case blockEnd
        case name(ExactString)
        case string(ExactString)
        case int(Int)
        case float(Double)
        /// An operator or a bracket.
        case symbol(ExactString)
        case end
    }

    let kind: Kind
    /// The line it begins on, counted from 1.
    let line: Int

    /// How an error message shows this token.
    var description: String {
        switch kind {
        case .text: "text"
        case .outputBegin: "'{{'"
        case .outputEnd: "'}}'"
        case .blockBegin: "'{%'"
        case .blockEnd: "'%}'"
        case .name(let name): "'\(name)'"
        case .string: "a string"
        case .int(let value): "'\(value)'"
        case .float(let value): "'\(value)'"
        case .symbol(let symbol): "'\(symbol)'"
        case .end: "the end of the template"
        }
    }
}
