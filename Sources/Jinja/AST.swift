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
        case name(String)
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
            case attribute(String)
            case item(Expression)
            case slice(Expression?, Expression?, Expression?)
            case call(Arguments)
            case filter(FilterCall)
            case test(name: String, arguments: Arguments, isNegated: Bool)
        }
    }

    /// The arguments of a call before they are evaluated.
    struct Arguments: Sendable {
        var positional: [Expression] = []
        var named: [(name: String, value: Expression)] = []
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
    let name: String
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
        let body: [Statement]
        let otherwise: [Statement]
    }

    struct Macro: Sendable {
        let name: String
        let parameters: [(name: String, fallback: Expression?)]
        let body: [Statement]
    }

    /// What a value is assigned to.
    indirect enum Target: Sendable {
        case name(String)
        case member(of: String, name: String)
        case tuple([Target])
    }
}
