/// The values that a call gives to a function, method, filter or test.
struct Arguments {
    var positional: [Value] = []
    var named: [(name: String, value: Value)] = []

    /// Assigns the values to parameters.
    ///
    /// - Throws: ``TemplateError`` if there are more values than parameters, a name that is none of them, two values for one
    ///   of them, or no value for one of the first `required`.
    func bind(_ parameters: String..., required: Int = 0, for callee: String) throws(TemplateError) -> Bound {
        guard positional.count <= parameters.count else {
            throw TemplateError("'\(callee)' takes at most \(parameters.count) arguments, found \(positional.count)")
        }
        var values: [String: Value] = [:]
        for (parameter, value) in zip(parameters, positional) { values[parameter] = value }
        for argument in named {
            guard parameters.contains(argument.name) else {
                throw TemplateError("'\(callee)' has no argument '\(argument.name)' in the supported subset")
            }
            guard values[argument.name] == nil else {
                throw TemplateError("'\(callee)' got the argument '\(argument.name)' twice")
            }
            values[argument.name] = argument.value
        }
        for parameter in parameters.prefix(required) where values[parameter] == nil {
            throw TemplateError("'\(callee)' needs the argument '\(parameter)'")
        }
        return Bound(callee: callee, values: values)
    }

    /// The values, by parameter.
    struct Bound {
        let callee: String
        let values: [String: Value]

        subscript(_ parameter: String) -> Value? { values[parameter] }

        /// The value of a parameter; nil if it was left out or is None.
        private func given(_ parameter: String) -> Value? {
            if case .none? = values[parameter] { nil } else { values[parameter] }
        }

        func flag(_ parameter: String) -> Bool { values[parameter]?.isTrue ?? false }

        func integer(_ parameter: String) throws(TemplateError) -> Int? {
            guard let value = given(parameter) else { return nil }
            guard case .int(let number)? = value.number else { throw wrongType(parameter, "an integer", value) }
            return number
        }

        func string(_ parameter: String) throws(TemplateError) -> String? {
            guard let value = given(parameter) else { return nil }
            guard case .string(let text) = value else { throw wrongType(parameter, "a string", value) }
            return text
        }

        private func wrongType(_ parameter: String, _ expected: String, _ value: Value) -> TemplateError {
            TemplateError(
                "'\(callee)' expects \(expected) for '\(parameter)', found a value of type '\(value.typeName)'")
        }
    }
}

/// The functions that a template finds without defining them.
package enum Function: String, Sendable {
    case range
    case namespace
    case dict
    case raiseException = "raise_exception"
    case strftimeNow = "strftime_now"
}

extension Interpreter {
    func call(_ callee: Value, _ arguments: Arguments) throws(TemplateError) -> Value {
        switch callee {
        case .function(let function): return try call(function, arguments)
        case .method(let receiver, let name): return try callMethod(name, of: receiver, arguments)
        case .macro(let number): return try callMacro(number, arguments)
        case .undefined(let what): throw TemplateError(what)
        default: throw TemplateError("a value of type '\(callee.typeName)' cannot be called")
        }
    }

    private func callMacro(_ number: Int, _ arguments: Arguments) throws(TemplateError) -> Value {
        guard macros.indices.contains(number) else { throw TemplateError("this macro does not exist") }
        let (macro, outer) = macros[number]
        let scope = Scope(parent: outer)
        guard arguments.positional.count <= macro.parameters.count else {
            throw TemplateError(
                "the macro '\(macro.name)' takes at most \(macro.parameters.count) arguments,"
                    + " found \(arguments.positional.count)")
        }
        for (parameter, value) in zip(macro.parameters, arguments.positional) { scope.values[parameter.name] = value }
        for argument in arguments.named {
            guard macro.parameters.contains(where: { $0.name == argument.name }) else {
                throw TemplateError("the macro '\(macro.name)' has no argument '\(argument.name)'")
            }
            guard scope.values[argument.name] == nil else {
                throw TemplateError("the macro '\(macro.name)' got the argument '\(argument.name)' twice")
            }
            scope.values[argument.name] = argument.value
        }
        for parameter in macro.parameters where scope.values[parameter.name] == nil {
            let missing = Value.undefined("parameter '\(parameter.name)' was not provided")
            scope.values[parameter.name] =
                try parameter.fallback.map { (value) throws(TemplateError) in
                    try evaluate(value, scope)
                } ?? missing
        }
        let (text, _) = try capture { () throws(TemplateError) in try execute(macro.body, scope) }
        return try makeText(text)
    }

    private func call(
        _ function: Function, _ arguments: Arguments
    ) throws(TemplateError) -> Value {
        switch function {
        case .range: return try range(arguments)
        case .raiseException:
            let message = try arguments.bind("message", required: 1, for: "raise_exception")["message"]
            throw TemplateError(try str(message ?? .none))
        case .strftimeNow:
            let format = try arguments.bind("format", required: 1, for: "strftime_now").string("format")
            return try makeText(now().text(format: format ?? ""))
        case .dict, .namespace:
            var members = Mapping()
            guard arguments.positional.count <= 1 else {
                throw TemplateError("'\(function.rawValue)' takes at most one argument without a name")
            }
            if let value = arguments.positional.first {
                guard case .dict(let given) = value else {
                    throw TemplateError("'\(function.rawValue)' expects a dictionary or named arguments")
                }
                try charge(given.weight)
                members = given
            }
            for argument in arguments.named { try members.set(argument.value, for: .string(argument.name)) }
            if function == .dict { return .dict(members) }
            var attributes: [ExactString: Value] = [:]
            for case (.string(let name), let value) in members.entries { attributes[ExactString(name)] = value }
            namespaces.append(attributes)
            return .namespace(namespaces.count - 1)
        }
    }

    private func range(_ arguments: Arguments) throws(TemplateError) -> Value {
        let bound = try arguments.bind("start", "stop", "step", required: 1, for: "range")
        guard arguments.named.isEmpty else { throw TemplateError("'range' takes no named arguments") }
        var start = try bound.integer("start") ?? 0
        var stop = start
        if bound["stop"] == nil { start = 0 } else { stop = try bound.integer("stop") ?? 0 }
        let step = try bound.integer("step") ?? 1
        guard step != 0 else { throw TemplateError("the step of 'range' cannot be zero") }
        let (span, overflow) = stop.subtractingReportingOverflow(start)
        guard !overflow else { throw TemplateError("'range' is out of range") }
        let isEmpty = span == 0 || (span < 0) != (step < 0)
        let count = isEmpty ? 0 : (span.magnitude - 1) / step.magnitude + 1
        guard count <= UInt(Limits.rangeCount) else {
            throw TemplateError("'range' has more than \(Limits.rangeCount) elements")
        }
        return try makeList((0..<Int(count)).map { .int(start + $0 * step) })
    }
}

/// A moment in the local time zone, as `strftime_now` writes it: in English, by the Gregorian calendar.
struct LocalTime: Sendable {
    let year: Int
    /// From 1 to 12.
    let month: Int
    let day: Int
    let hour: Int
    let minute: Int
    let second: Int
    /// Days since Sunday.
    let weekday: Int

    private static let months = [
        "January", "February", "March", "April", "May", "June", "July", "August", "September", "October", "November",
        "December",
    ]
    private static let days = ["Sunday", "Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday"]

    /// Writes the time by a format of C's `strftime`.
    ///
    /// - Throws: ``TemplateError`` for a directive outside the subset.
    func text(format: String) throws(TemplateError) -> String {
        var result = ""
        var isDirective = false
        for scalar in format.unicodeScalars {
            if isDirective {
                result += try text(directive: scalar)
                isDirective = false
            } else if scalar == "%" {
                isDirective = true
            } else {
                result.unicodeScalars.append(scalar)
            }
        }
        return isDirective ? result + "%" : result
    }

    private func text(directive: Unicode.Scalar) throws(TemplateError) -> String {
        switch directive {
        case "d": return padded(day)
        case "m": return padded(month)
        case "Y": return String(year)
        case "y": return padded(year % 100)
        case "H": return padded(hour)
        case "I": return padded(hour % 12 == 0 ? 12 : hour % 12)
        case "M": return padded(minute)
        case "S": return padded(second)
        case "p": return hour < 12 ? "AM" : "PM"
        case "B": return name(Self.months, month - 1)
        case "b", "h": return String(name(Self.months, month - 1).prefix(3))
        case "A": return name(Self.days, weekday)
        case "a": return String(name(Self.days, weekday).prefix(3))
        case "F": return try text(format: "%Y-%m-%d")
        case "T": return try text(format: "%H:%M:%S")
        case "%": return "%"
        default: throw TemplateError("'%\(directive)' in 'strftime_now' is outside the supported subset")
        }
    }

    private func padded(_ number: Int) -> String { number < 10 ? "0\(number)" : "\(number)" }

    private func name(_ names: [String], _ index: Int) -> String { names.indices.contains(index) ? names[index] : "" }
}
