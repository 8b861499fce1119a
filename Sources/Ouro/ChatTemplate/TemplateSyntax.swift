/// An expression of a template.
struct TemplateExpression: Sendable {
    let kind: Kind
    let line: Int

    /// Chains of operators are flat lists, so that only brackets and conditionals nest.
    indirect enum Kind: Sendable {
        case literal(TemplateValue)
        case name(String)
        case list([TemplateExpression])
        case tuple([TemplateExpression])
        case dict([(key: TemplateExpression, value: TemplateExpression)])
        case not(TemplateExpression)
        case negative(TemplateExpression)
        case positive(TemplateExpression)
        case all([TemplateExpression])
        case any([TemplateExpression])
        case arithmetic(TemplateExpression, [(operation: Arithmetic, operand: TemplateExpression)])
        case comparison(TemplateExpression, [(operation: Comparison, operand: TemplateExpression)])
        case joined([TemplateExpression])
        case conditional(
            condition: TemplateExpression, then: TemplateExpression, otherwise: TemplateExpression?)
        case postfix(TemplateExpression, [Postfix])
    }

    /// What follows an operand, from left to right.
    struct Postfix: Sendable {
        let kind: Kind
        let line: Int

        enum Kind: Sendable {
            case attribute(String)
            case item(TemplateExpression)
            case slice(TemplateExpression?, TemplateExpression?, TemplateExpression?)
            case call(Arguments)
            case filter(TemplateFilterCall)
            case test(name: String, arguments: Arguments, isNegated: Bool)
        }
    }

    struct Arguments: Sendable {
        var positional: [TemplateExpression] = []
        var named: [(name: String, value: TemplateExpression)] = []
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
struct TemplateFilterCall: Sendable {
    let name: String
    let arguments: TemplateExpression.Arguments
    let line: Int
}

/// A statement of a template.
indirect enum TemplateStatement: Sendable {
    case text(String)
    case output(TemplateExpression)
    case choice([(condition: TemplateExpression, body: [TemplateStatement])], otherwise: [TemplateStatement])
    case loop(Loop)
    case set(Target, TemplateExpression)
    case setBlock(Target, filters: [TemplateFilterCall], body: [TemplateStatement], line: Int)
    case macro(Macro)
    /// A block with names of its own and no other effect (`{% generation %}`).
    case scope([TemplateStatement])
    case leaveLoop
    case nextIteration

    struct Loop: Sendable {
        let target: Target
        let sequence: TemplateExpression
        let condition: TemplateExpression?
        let body: [TemplateStatement]
        let otherwise: [TemplateStatement]
    }

    struct Macro: Sendable {
        let name: String
        let parameters: [(name: String, fallback: TemplateExpression?)]
        let body: [TemplateStatement]
    }

    /// What a value is assigned to.
    indirect enum Target: Sendable {
        case name(String)
        case member(of: String, name: String)
        case tuple([Target])
    }
}
