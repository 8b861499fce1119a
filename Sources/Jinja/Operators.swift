// Arithmetic and comparison, by Python's rules. A result that does not fit is an error.

extension Interpreter {
    /// The value of `-value`.
    func negate(_ value: Value) throws(TemplateError) -> Value {
        switch value.number {
        case .int(let number):
            let (result, overflow) = (0).subtractingReportingOverflow(number)
            guard !overflow else { throw overflowFailure }
            return .int(result)
        case .float(let number): return .float(-number)
        case nil: throw unsuitable("-", value)
        }
    }

    /// The value of `+value`, which makes an integer of a boolean.
    func keepSign(_ value: Value) throws(TemplateError) -> Value {
        switch value.number {
        case .int(let number): return .int(number)
        case .float(let number): return .float(number)
        case nil: throw unsuitable("+", value)
        }
    }

    /// The value of `left operation right`.
    func calculate(
        _ left: Value, _ operation: Expression.Arithmetic, _ right: Value
    ) throws(TemplateError) -> Value {
        if let first = left.number, let second = right.number {
            if case .int(let first) = first, case .int(let second) = second {
                return try calculate(first, operation, second)
            }
            return try calculate(first.double, operation, second.double)
        }
        if operation == .remainder, left.text != nil { return try format(left, with: right) }
        if operation == .add, let first = left.text, let second = right.text {
            return try add(first, second, left.isMarkup, right.isMarkup)
        }
        switch (left, operation, right) {
        case (.undefined(let what), _, _), (_, _, .undefined(let what)): throw TemplateError(what)
        case (.list(let first), .add, .list(let second)):
            try charge(first.elements.count)
            return try makeList(first.elements + second.elements)
        case (.tuple(let first), .add, .tuple(let second)):
            try charge(first.elements.count + second.elements.count)
            return try .makeTuple(first.elements + second.elements)
        case (_, .multiply, _): return try multiply(left, right)
        default: throw unsuitable(operation.rawValue, left, right)
        }
    }

    /// Joins two strings. If one is safe in HTML, the other is escaped, and so the result is safe.
    private func add(
        _ left: String, _ right: String, _ isLeftMarkup: Bool, _ isRightMarkup: Bool
    ) throws(TemplateError) -> Value {
        guard isLeftMarkup != isRightMarkup else {
            guard left.utf8.count + right.utf8.count <= limits.textBytes else { throw limits.tooLong }
            return try makeText(left + right, isMarkup: isLeftMarkup)
        }
        var result = LimitedText(limits)
        try result.append(isLeftMarkup ? left : Text.escaped(left, limits))
        try result.append(isRightMarkup ? right : Text.escaped(right, limits))
        return try makeText(result.text, isMarkup: true)
    }

    /// Repeats a string, list or tuple.
    private func multiply(_ left: Value, _ right: Value) throws(TemplateError) -> Value {
        let (sequence, factor): (Value, Number?) =
            left.number == nil ? (left, right.number) : (right, left.number)
        guard case .int(let count)? = factor else { throw unsuitable("*", left, right) }
        let times = max(0, count)
        switch sequence {
        case .string(let text), .markup(let text):
            let (size, overflow) = text.utf8.count.multipliedReportingOverflow(by: times)
            guard !overflow, size <= limits.textBytes else { throw limits.tooLong }
            try charge(text.isEmpty ? 0 : times)
            return try makeText(
                text.isEmpty ? "" : String(repeating: text, count: times), isMarkup: sequence.isMarkup)
        case .list(let items): return try makeList(repeated(items, times))
        case .tuple(let items): return try .makeTuple(repeated(items, times))
        default: throw unsuitable("*", left, right)
        }
    }

    private func repeated(_ items: Elements, _ times: Int) throws(TemplateError) -> [Value] {
        let (size, overflow) = items.weight.multipliedReportingOverflow(by: times)
        guard !overflow, size <= Limits.weight else { throw Limits.tooHeavy }
        try charge(size)
        return items.elements.isEmpty ? [] : (0..<times).flatMap { _ in items.elements }
    }

    private func calculate(
        _ left: Int, _ operation: Expression.Arithmetic, _ right: Int
    ) throws(TemplateError) -> Value {
        let result: (partialValue: Int, overflow: Bool)
        switch operation {
        case .add: result = left.addingReportingOverflow(right)
        case .subtract: result = left.subtractingReportingOverflow(right)
        case .multiply: result = left.multipliedReportingOverflow(by: right)
        case .divide:
            guard right != 0 else { throw TemplateError("division by zero") }
            return .float(quotient(left, right))
        case .floorDivide, .remainder:
            guard right != 0 else { throw TemplateError("division by zero") }
            // Python rounds the quotient towards minus infinity, so the remainder has the divisor's sign.
            let quotient = left.dividedReportingOverflow(by: right)
            let remainder = left.remainderReportingOverflow(dividingBy: right).partialValue
            let differs = remainder != 0 && (remainder < 0) != (right < 0)
            if operation == .remainder { return .int(differs ? remainder + right : remainder) }
            result = (differs ? quotient.partialValue - 1 : quotient.partialValue, quotient.overflow)
        case .power:
            guard right >= 0 else { return try calculate(Double(left), operation, Double(right)) }
            return .int(try power(left, right))
        }
        guard !result.overflow else { throw overflowFailure }
        return .int(result.partialValue)
    }

    /// The float that is nearest to the quotient. Integers beyond 2^53 have no exact floats, so their digits are divided.
    private func quotient(_ left: Int, _ right: Int) -> Double {
        guard max(left.magnitude, right.magnitude) > 1 << 53, left != 0 else { return Double(left) / Double(right) }
        let shift = UInt128(left.magnitude).leadingZeroBitCount
        let parts = (UInt128(left.magnitude) << shift).quotientAndRemainder(dividingBy: UInt128(right.magnitude))
        // The quotient has more bits than a float. The last one says whether anything follows, which decides its rounding.
        let result =
            Double(parts.quotient | (parts.remainder == 0 ? 0 : 1))
            * Double(sign: .plus, exponent: -shift, significand: 1)
        return (left < 0) != (right < 0) ? -result : result
    }

    private func power(_ base: Int, _ exponent: Int) throws(TemplateError) -> Int {
        switch base {
        case 0: return exponent == 0 ? 1 : 0
        case 1: return 1
        case -1: return exponent % 2 == 0 ? 1 : -1
        default:
            guard exponent < 64 else { throw overflowFailure }
            var result = 1
            for _ in 0..<exponent {
                let (product, overflow) = result.multipliedReportingOverflow(by: base)
                guard !overflow else { throw overflowFailure }
                result = product
            }
            return result
        }
    }

    private func calculate(
        _ left: Double, _ operation: Expression.Arithmetic, _ right: Double
    ) throws(TemplateError) -> Value {
        switch operation {
        case .add: return .float(left + right)
        case .subtract: return .float(left - right)
        case .multiply: return .float(left * right)
        case .power:
            let result = CLibrary.power(left, right)
            guard result.isFinite || !left.isFinite || !right.isFinite else { throw overflowFailure }
            return .float(result)
        case .divide, .floorDivide, .remainder:
            guard right != 0 else { throw TemplateError("division by zero") }
            if operation == .divide { return .float(left / right) }
            var remainder = left.truncatingRemainder(dividingBy: right)
            let differs = remainder != 0 && (remainder < 0) != (right < 0)
            if differs { remainder += right }
            if operation == .remainder {
                return .float(remainder == 0 ? Double(signOf: right, magnitudeOf: 0) : remainder)
            }
            let quotient = ((left - remainder) / right).rounded()
            return .float(quotient == 0 ? Double(signOf: left / right, magnitudeOf: 0) : quotient)
        }
    }

    // MARK: - Comparison

    /// The truth of one comparison.
    func compare(
        _ left: Value, _ comparison: Expression.Comparison, _ right: Value
    ) throws(TemplateError) -> Bool {
        try charge(min(left.weight, right.weight))
        switch comparison {
        case .equal: return left.equals(right)
        case .notEqual: return !left.equals(right)
        case .isIn: return try contains(right, left)
        case .isNotIn: return try !contains(right, left)
        case .less: return try left.order(right) == .less
        case .greater: return try left.order(right) == .greater
        case .lessOrEqual:
            let order = try left.order(right)
            return order == .less || order == .same
        case .greaterOrEqual:
            let order = try left.order(right)
            return order == .greater || order == .same
        }
    }

    /// Python's `element in container`.
    func contains(_ container: Value, _ element: Value) throws(TemplateError) -> Bool {
        try charge(container.weight)
        switch (container.plain, element.plain) {
        case (.list(let items), _), (.tuple(let items), _): return items.elements.contains { $0.equals(element) }
        case (.dict(let members), _):
            _ = try Mapping.Key(element)
            return members.value(for: element) != nil
        case (.string(let text), .string(let part)):
            try charge(part.utf8.count / 256)
            return !Text.positions(of: part, in: text, limit: 1).isEmpty
        case (.undefined, _): return false
        default:
            throw TemplateError(
                "'in' does not work for values of type '\(element.typeName)' and '\(container.typeName)'")
        }
    }

    var overflowFailure: TemplateError { TemplateError("a number is out of range") }

    private func unsuitable(_ operation: String, _ values: Value...) -> TemplateError {
        if case .undefined(let what)? = values.first(where: \.isUndefined) { return TemplateError(what) }
        let types = values.map { "'\($0.typeName)'" }.joined(separator: " and ")
        return TemplateError("'\(operation)' does not work for values of type \(types)")
    }
}
