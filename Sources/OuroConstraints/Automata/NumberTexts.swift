import Ouro

/// The texts of JSON numbers within bounds.
///
/// Numbers have at most 17 significant digits, or 15 if they have bounds, and their values stay within the range of IEEE
/// doubles. Integers have at most 15 digits, or as many as their bounds.
struct NumberTexts: Hashable {
    /// A bound of the value.
    struct Bound: Hashable {
        let value: DecimalNumber
        let isExclusive: Bool
        /// The field of the schema that has it.
        let place: String
    }

    var isInteger: Bool
    var lower: [Bound] = []
    var upper: [Bound] = []
    /// The value must be a multiple of each of these.
    var factors: [DecimalNumber] = []

    private static let digitLimit = 15
    /// The largest number of states for the remainders of `multipleOf`.
    private static let remainderLimit = 10_000

    private static let digit = Expression.range(0x30, 0x39)
    private static let leading = Expression.range(0x31, 0x39)

    private static func digits(_ least: Int, _ most: Int?) -> Expression { .repeated(digit, least: least, most: most) }

    private static func literal(_ digits: ArraySlice<UInt8>) -> Expression {
        .sequence(digits.map { range($0, $0) })
    }

    private static func range(_ first: UInt8, _ last: UInt8) -> Expression {
        .range(0x30 + UInt32(first), 0x30 + UInt32(last))
    }

    func accepts(_ value: DecimalNumber) -> Bool {
        if isInteger && !value.isInteger { return false }
        for bound in lower where value < bound.value || bound.isExclusive && value == bound.value { return false }
        for bound in upper where value > bound.value || bound.isExclusive && value == bound.value { return false }
        return factors.allSatisfy { Self.isMultiple(value, of: $0) }
    }

    /// Makes the automaton of the texts.
    func automaton(_ budget: inout CompileBudget, place: String) throws(OuroError) -> Automaton {
        if !isInteger, lower.isEmpty, upper.isEmpty, factors.isEmpty {
            return try Automaton(Self.anyNumber, &budget, place: place)
        }
        var wholeDigits = Self.digitLimit
        for bound in lower + upper {
            wholeDigits = max(wholeDigits, bound.value.whole.count + (bound.value.whole.count > Self.digitLimit ? 1 : 0))
            guard isInteger || bound.value.whole.count <= Self.digitLimit else {
                throw OuroError(
                    .unsupported, field: bound.place,
                    "bounds of numbers with more than \(Self.digitLimit) digits before the point are not supported")
            }
        }
        wholeDigits = min(wholeDigits, 308)
        var result = try Automaton(plain(wholeDigits), &budget, place: place)
        for bound in lower {
            let side = try Automaton(
                Self.atLeast(bound.value, bound.isExclusive, wholeDigits), &budget, place: bound.place)
            result = try result.intersection(side, &budget, place: bound.place)
        }
        for bound in upper {
            let side = try Automaton(
                Self.atMost(bound.value, bound.isExclusive, wholeDigits), &budget, place: bound.place)
            result = try result.intersection(side, &budget, place: bound.place)
        }
        for factor in factors {
            result = try result.intersection(try Self.multiples(of: factor, place), &budget, place: place)
        }
        return result
    }

    // MARK: notations

    /// Numbers without bounds, possibly with an exponent. The value is less than 1.8e308.
    private static let anyNumber: Expression = {
        let sign = Expression.text("-").optional()
        let mark = Expression.one(ScalarSet(of: "eE"))
        let plus = Expression.text("+").optional()
        func point(_ most: Int) -> Expression {
            .sequence([.text("."), digits(1, most)]).optional()
        }
        // 0 to 292: the integer part has at most 15 digits.
        let small = Expression.sequence([
            mark,
            .choice([
                .sequence([plus, atMost292]), .sequence([.text("-"), atMost292]),
            ]),
        ])
        // 293 to 307, for one digit before the point; and 1.0e308 to 1.7899e308.
        let large = Expression.sequence([
            mark, plus, .choice([.sequence([.text("29"), range(3, 9)]), .sequence([.text("30"), range(0, 7)])]),
        ])
        let largest = Expression.sequence([
            .text("1"),
            .sequence([
                .text("."),
                .choice([
                    .sequence([range(0, 6), digits(0, 15)]),
                    .sequence([.text("7"), .sequence([range(0, 8), digits(0, 14)]).optional()]),
                ]),
            ]).optional(),
            mark, plus, .text("308"),
        ])
        let lengths = (1...15).map { count in
            Expression.sequence([leading, digits(count - 1, count - 1), point(17 - count)])
        }
        let mantissa = Expression.choice([.sequence([.text("0"), point(17)])] + lengths)
        return .sequence([
            sign,
            .choice([
                .sequence([mantissa, small.optional()]), .sequence([leading, point(16), large]), largest,
            ]),
        ])
    }()

    /// An exponent from 0 to 292, with up to three digits.
    private static let atMost292 = Expression.choice([
        digits(1, 2), .sequence([range(0, 1), digits(2, 2)]),
        .sequence([.text("2"), .choice([.sequence([range(0, 8), digit]), .sequence([.text("9"), range(0, 2)])])]),
    ])

    /// Numbers without exponents: at most 15 significant digits, or integers of some digits.
    private func plain(_ wholeDigits: Int) -> Expression {
        let zero = Expression.text("0")
        let sign = Expression.text("-").optional()
        if isInteger {
            return .choice([zero, .sequence([sign, Self.leading, Self.digits(0, wholeDigits - 1)])])
        }
        func point(_ most: Int) -> Expression {
            most > 0 ? .sequence([.text("."), Self.digits(1, most)]).optional() : .empty
        }
        let lengths = (1...Self.digitLimit).map { count in
            Expression.sequence([Self.leading, Self.digits(count - 1, count - 1), point(Self.digitLimit - count)])
        }
        return .sequence([sign, .choice([.sequence([zero, point(Self.digitLimit)])] + lengths)])
    }

    // MARK: bounds

    private static func atLeast(_ bound: DecimalNumber, _ isExclusive: Bool, _ digits: Int) -> Expression {
        if bound.isZero, isExclusive { return larger(bound, true, digits) }
        let positive = larger(.init(isNegative: false, whole: [], fraction: []), false, digits)
        // A negative zero counts as zero.
        if bound.isZero { return .choice([positive, .sequence([.text("-"), smaller(bound, false, digits)])]) }
        if !bound.isNegative { return larger(bound.magnitude, isExclusive, digits) }
        return .choice([positive, .sequence([.text("-"), smaller(bound.magnitude, isExclusive, digits)])])
    }

    private static func atMost(_ bound: DecimalNumber, _ isExclusive: Bool, _ digits: Int) -> Expression {
        let zero = DecimalNumber(isNegative: false, whole: [], fraction: [])
        if bound.isZero, isExclusive { return .sequence([.text("-"), larger(zero, true, digits)]) }
        let negative = Expression.sequence([.text("-"), larger(zero, false, digits)])
        if bound.isZero || !bound.isNegative {
            return .choice([negative, smaller(bound.magnitude, isExclusive, digits)])
        }
        return .sequence([.text("-"), larger(bound.magnitude, isExclusive, digits)])
    }

    private static let anyFraction = Expression.sequence([.text("."), digits(1, nil)]).optional()

    /// Magnitudes of at least a bound.
    private static func larger(_ bound: DecimalNumber, _ isExclusive: Bool, _ digitCount: Int) -> Expression {
        let fraction = Expression.choice([
            .sequence([.text("."), largerFraction(bound.fraction[...], isExclusive)]),
            bound.fraction.isEmpty && !isExclusive ? .empty : .choice([]),
        ])
        let same = Expression.sequence([whole(bound), fraction])
        var more: [Expression] = []
        if bound.whole.isEmpty {
            more.append(.sequence([leading, digits(0, digitCount - 1)]))
        } else {
            more.append(contentsOf: largerWhole(bound.whole))
            if bound.whole.count < digitCount {
                more.append(.sequence([leading, digits(bound.whole.count, digitCount - 1)]))
            }
        }
        return .choice([same, .sequence([.choice(more), anyFraction])])
    }

    /// Magnitudes of at most a bound.
    private static func smaller(_ bound: DecimalNumber, _ isExclusive: Bool, _ digitCount: Int) -> Expression {
        let fraction = Expression.choice([
            .sequence([.text("."), smallerFraction(bound.fraction[...], isExclusive)]),
            bound.fraction.isEmpty && isExclusive ? .choice([]) : .empty,
        ])
        let same = Expression.sequence([whole(bound), fraction])
        guard !bound.whole.isEmpty else { return same }
        var less = [Expression.text("0")] + smallerWhole(bound.whole)
        if bound.whole.count > 1 { less.append(.sequence([leading, digits(0, bound.whole.count - 2)])) }
        return .choice([same, .sequence([.choice(less), anyFraction])])
    }

    private static func whole(_ bound: DecimalNumber) -> Expression {
        bound.whole.isEmpty ? .text("0") : literal(bound.whole[...])
    }

    /// Numbers with as many digits that are larger: they first differ at some digit.
    private static func largerWhole(_ bound: [UInt8]) -> [Expression] {
        bound.indices.filter { bound[$0] < 9 }.map { index in
            .sequence([
                literal(bound[..<index]), range(bound[index] + 1, 9),
                digits(bound.count - index - 1, bound.count - index - 1),
            ])
        }
    }

    /// Numbers with as many digits that are smaller, without a leading zero.
    private static func smallerWhole(_ bound: [UInt8]) -> [Expression] {
        bound.indices.filter { bound[$0] > ($0 == 0 ? 1 : 0) }.map { index in
            .sequence([
                literal(bound[..<index]), range(index == 0 ? 1 : 0, bound[index] - 1),
                digits(bound.count - index - 1, bound.count - index - 1),
            ])
        }
    }

    /// Digits after the point, at least one, of a fraction of at least a bound.
    private static func largerFraction(_ bound: ArraySlice<UInt8>, _ isExclusive: Bool) -> Expression {
        var options = bound.indices.filter { bound[$0] < 9 }.map { index in
            Expression.sequence([literal(bound[..<index]), range(bound[index] + 1, 9), digits(0, nil)])
        }
        let zeros = Expression.repeated(.text("0"), least: 0, most: nil)
        if isExclusive {
            options.append(.sequence([literal(bound), zeros, leading, digits(0, nil)]))
        } else {
            options.append(.sequence([literal(bound), digits(bound.isEmpty ? 1 : 0, nil)]))
        }
        return .choice(options)
    }

    /// Digits after the point, at least one, of a fraction of at most a bound.
    private static func smallerFraction(_ bound: ArraySlice<UInt8>, _ isExclusive: Bool) -> Expression {
        var options = bound.indices.filter { bound[$0] > 0 }.map { index in
            Expression.sequence([literal(bound[..<index]), range(0, bound[index] - 1), digits(0, nil)])
        }
        let zeros = Expression.repeated(.text("0"), least: bound.isEmpty ? 1 : 0, most: nil)
        // A prefix of the bound that is followed by zeros only is at most the bound.
        for index in bound.indices.dropFirst() { options.append(literal(bound[..<index])) }
        if !isExclusive { options.append(.sequence([literal(bound), zeros])) }
        return .choice(options)
    }

    // MARK: multiples

    /// A factor as an integer, and the number of its digits after the point.
    private static func integer(_ factor: DecimalNumber) -> (Int, digits: Int)? {
        guard let value = DecimalNumber(isNegative: false, whole: factor.whole + factor.fraction, fraction: []).integer,
            value > 0
        else { return nil }
        return (value, factor.fraction.count)
    }

    private static func isMultiple(_ value: DecimalNumber, of factor: DecimalNumber) -> Bool {
        guard let (divisor, digits) = integer(factor), value.fraction.count <= digits else { return false }
        let padding = [UInt8](repeating: 0, count: digits - value.fraction.count)
        var rest = 0
        for digit in value.whole + value.fraction + padding {
            let (product, overflow) = rest.multipliedReportingOverflow(by: 10)
            if overflow { return false }
            rest = (product + Int(digit)) % divisor
        }
        return rest == 0
    }

    /// Texts of multiples of a factor. A state is the remainder of the digits so far, and the number of digits after the
    /// point.
    private static func multiples(of factor: DecimalNumber, _ place: String) throws(OuroError) -> Automaton {
        guard let (divisor, digits) = integer(factor), divisor <= remainderLimit / (digits + 1) else {
            throw OuroError(
                .unsupported, field: place,
                "multiples of such a number are not supported: expected a number above 0 whose digits, taken as one "
                    + "integer, are at most \(remainderLimit)")
        }
        var result = Automaton()
        let start = try result.addState(accepts: false, limit: place)
        let negative = try result.addState(accepts: false, limit: place)
        result.addEdge(from: start, ScalarSet(of: "-"), to: negative)
        // The block of a number of digits after the point. The powers of ten that are still missing count.
        func state(_ rest: Int, _ fraction: Int) -> Int { 2 + divisor + fraction * divisor + rest }
        func pointState(_ rest: Int) -> Int { 2 + rest }
        var power = 1
        var powers = [1 % divisor]
        for _ in 0..<digits {
            power = power * 10 % divisor
            powers.append(power % divisor)
        }
        for _ in 0..<divisor { _ = try result.addState(accepts: false, limit: place) }
        for fraction in 0...digits {
            for rest in 0..<divisor {
                _ = try result.addState(
                    accepts: rest * powers[digits - fraction] % divisor == 0, limit: place)
            }
        }
        func addDigits(from place: Int, rest: Int, fraction: Int) {
            for digit in 0..<10 {
                let value = UInt32(0x30 + digit)
                result.addEdge(
                    from: place, ScalarSet([value...value]), to: state((rest * 10 + digit) % divisor, fraction))
            }
        }
        addDigits(from: start, rest: 0, fraction: 0)
        addDigits(from: negative, rest: 0, fraction: 0)
        for rest in 0..<divisor {
            addDigits(from: state(rest, 0), rest: rest, fraction: 0)
            if digits > 0 {
                result.addEdge(from: state(rest, 0), ScalarSet(of: "."), to: pointState(rest))
                addDigits(from: pointState(rest), rest: rest, fraction: 1)
            }
            for fraction in 1..<max(digits, 1) {
                addDigits(from: state(rest, fraction), rest: rest, fraction: fraction + 1)
            }
        }
        return result
    }
}
