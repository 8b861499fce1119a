// The tree that the parser makes of a template and the interpreter runs.

/// An expression.
struct Expression: Sendable {
    let kind: Kind
    /// The line it begins on, for errors.
    let line: Int

    /// A chain of operators is one flat list. So only brackets and conditionals nest, and the interpreter's recursion
    /// is no deeper than they are.
    indirect enum Kind: Sendable {
        case literal(Value)
        case name(ExactString)
        case list([Expression])
        case tuple([Expression])
        case dict([(key: Expression, value: Expression)])
        case not(Expression)
        case negative(Expression)
        case positive(Expression)
        case all([Expression])
        case any([Expression])
        case arithmetic(Expression, [(operation: Arithmetic, operand: Expression)])
        case comparison(Expression, [(operation: Comparison, operand: Expression)])
        case joined([Expression])
        case conditional(
            condition: Expression, then: Expression, otherwise: Expression?)
        case postfix(Expression, [Postfix])
    }

    /// One thing that follows an operand: `.name`, `[index]`, `(arguments)`, `| filter`, `is test`.
    struct Postfix: Sendable {
        let kind: Kind
        let line: Int

        enum Kind: Sendable {
            case attribute(ExactString)
            case item(Expression)
            case slice(Expression?, Expression?, Expression?)
            case call(Arguments)
            case filter(FilterCall)
            case test(name: ExactString, arguments: Arguments, isNegated: Bool)
        }
    }

    /// The arguments of a call before they are evaluated.
    struct Arguments: Sendable {
        var positional: [Expression] = []
        var named: [(name: ExactString, value: Expression)] = []
        /// The sequence after `*`.
        var spread: Expression?
        /// The dictionary after `**`.
        var spreadNamed: Expression?
    }

    enum Arithmetic: String, Sendable {
        case add = "+"
        case subtract = "-"
        case multiply = "*"
        case divide = "/"
        case floorDivide = "//"
        case remainder = "%"
        case power = "**"
    }

    enum Comparison: String, Sendable {
        case equal = "=="
        case notEqual = "!="
        case less = "<"
        case lessOrEqual = "<="
        case greater = ">"
        case greaterOrEqual = ">="
        case isIn = "in"
        case isNotIn = "not in"
    }
}

/// `name(arguments)` after a `|`.
struct FilterCall: Sendable {
    let name: ExactString
    let arguments: Expression.Arguments
    let line: Int
}

/// A statement: text, an output or a tag with its body.
indirect enum Statement: Sendable {
    case text(String)
    case output(Expression)
    /// `{% if %}` with its `elif` branches in order.
    case choice([(condition: Expression, body: [Statement])], otherwise: [Statement])
    case loop(Loop)
    case set(Target, Expression)
    /// `{% set name %}body{% endset %}`
    case setBlock(Target, filters: [FilterCall], body: [Statement], line: Int)
    case macro(Macro)
    /// `{% call(parameters) callee(arguments) %}body{% endcall %}`: the body is a macro that the callee gets as `caller`.
    case call(callee: Expression, arguments: Expression.Arguments, body: Macro, line: Int)
    /// `{% filter name %}body{% endfilter %}`
    case filter([FilterCall], body: [Statement])
    /// `{% with %}`: the values are evaluated outside of the body's scope.
    case with([(target: Target, value: Expression)], body: [Statement])
    /// `{% autoescape %}`
    case autoescape(Expression, body: [Statement])
    case block(Block)
    /// `{% generation %}`: its body, in a scope of its own.
    case scope([Statement])
    /// `{% break %}`
    case leaveLoop
    /// `{% continue %}`
    case nextIteration

    struct Loop: Sendable {
        let target: Target
        let sequence: Expression
        let condition: Expression?
        let isRecursive: Bool
        /// Whether the body mentions `loop`. If not, the condition of an item is evaluated after the previous iteration,
        /// as in Jinja.
        let usesLoop: Bool
        let body: [Statement]
        let otherwise: [Statement]
    }

    struct Macro: Sendable {
        /// Nil for the body of `{% call %}`.
        let name: ExactString?
        let parameters: [(name: ExactString, fallback: Expression?)]
        /// Which of `caller`, `varargs` and `kwargs` the body mentions. Only these the macro takes.
        let special: Set<ExactString>
        let body: [Statement]

        func takes(_ name: ExactString) -> Bool {
            special.contains(name) && !parameters.contains { $0.name == name }
        }
    }

    /// `{% block name %}`. Without other templates a block runs where it stands, and wherever `self.name()` is called.
    struct Block: Sendable {
        let name: ExactString
        /// Whether the body sees the variables around the block, and not only those of the whole template.
        let isScoped: Bool
        let isRequired: Bool
        let body: [Statement]
    }

    /// What a value is assigned to.
    indirect enum Target: Sendable {
        case name(ExactString)
        case member(of: ExactString, name: ExactString)
        case tuple([Target])
    }
}
