import Foundation

/// The values a call gives to a function, method, filter or test.
struct TemplateArguments {
    var positional: [TemplateValue] = []
    var named: [(name: String, value: TemplateValue)] = []

    /// Assigns the values to parameters; an error if there are more or other values than parameters.
    func bind(_ parameters: String..., required: Int = 0, for callee: String) throws(TemplateFailure) -> Bound {
        guard positional.count <= parameters.count else {
            throw TemplateFailure("'\(callee)' takes at most \(parameters.count) arguments, found \(positional.count)")
        }
        var values: [String: TemplateValue] = [:]
        for (parameter, value) in zip(parameters, positional) { values[parameter] = value }
        for argument in named {
            guard parameters.contains(argument.name) else {
                throw TemplateFailure("'\(callee)' has no argument '\(argument.name)' in the supported subset")
            }
            guard values[argument.name] == nil else {
                throw TemplateFailure("'\(callee)' got the argument '\(argument.name)' twice")
            }
            values[argument.name] = argument.value
        }
        for parameter in parameters.prefix(required) where values[parameter] == nil {
            throw TemplateFailure("'\(callee)' needs the argument '\(parameter)'")
        }
        return Bound(callee: callee, values: values)
    }

    /// Values by parameter.
    struct Bound {
        let callee: String
        let values: [String: TemplateValue]

        subscript(_ parameter: String) -> TemplateValue? { values[parameter] }

        /// A value that is left out or None is nil.
        private func given(_ parameter: String) -> TemplateValue? {
            if case .none? = values[parameter] { nil } else { values[parameter] }
        }

        func flag(_ parameter: String) -> Bool { values[parameter]?.isTrue ?? false }

        func integer(_ parameter: String) throws(TemplateFailure) -> Int? {
            guard let value = given(parameter) else { return nil }
            guard case .int(let number)? = value.number else { throw wrongType(parameter, "an integer", value) }
            return number
        }

        func string(_ parameter: String) throws(TemplateFailure) -> String? {
            guard let value = given(parameter) else { return nil }
            guard case .string(let text) = value else { throw wrongType(parameter, "a string", value) }
            return text
        }

        private func wrongType(_ parameter: String, _ expected: String, _ value: TemplateValue) -> TemplateFailure {
            TemplateFailure(
                "'\(callee)' expects \(expected) for '\(parameter)', found a value of type '\(value.typeName)'")
        }
    }
}

/// The functions a template finds without defining them.
enum TemplateFunction: String, Sendable {
    case range
    case namespace
    case dict
    case raiseException = "raise_exception"
    case strftimeNow = "strftime_now"
}

extension TemplateEvaluator {
    func call(_ callee: TemplateValue, _ arguments: TemplateArguments) throws(TemplateFailure) -> TemplateValue {
        switch callee {
        case .function(let function): return try call(function, arguments)
        case .method(let receiver, let name): return try callMethod(name, of: receiver, arguments)
        case .macro(let number): return try callMacro(number, arguments)
        case .undefined(let what): throw TemplateFailure(what)
        default: throw TemplateFailure("a value of type '\(callee.typeName)' cannot be called")
        }
    }

    private func callMacro(_ number: Int, _ arguments: TemplateArguments) throws(TemplateFailure) -> TemplateValue {
        guard macros.indices.contains(number) else { throw TemplateFailure("this macro does not exist") }
        let (macro, outer) = macros[number]
        let scope = TemplateScope(parent: outer)
        guard arguments.positional.count <= macro.parameters.count else {
            throw TemplateFailure(
                "the macro '\(macro.name)' takes at most \(macro.parameters.count) arguments,"
                    + " found \(arguments.positional.count)")
        }
        for (parameter, value) in zip(macro.parameters, arguments.positional) { scope.values[parameter.name] = value }
        for argument in arguments.named {
            guard macro.parameters.contains(where: { $0.name == argument.name }) else {
                throw TemplateFailure("the macro '\(macro.name)' has no argument '\(argument.name)'")
            }
            guard scope.values[argument.name] == nil else {
                throw TemplateFailure("the macro '\(macro.name)' got the argument '\(argument.name)' twice")
            }
            scope.values[argument.name] = argument.value
        }
        for parameter in macro.parameters where scope.values[parameter.name] == nil {
            let missing = TemplateValue.undefined("parameter '\(parameter.name)' was not provided")
            scope.values[parameter.name] =
                try parameter.fallback.map { (value) throws(TemplateFailure) in
                    try evaluate(value, scope)
                } ?? missing
        }
        let (text, _) = try capture { () throws(TemplateFailure) in try execute(macro.body, scope) }
        return try makeText(text)
    }

    private func call(
        _ function: TemplateFunction, _ arguments: TemplateArguments
    ) throws(TemplateFailure) -> TemplateValue {
        switch function {
        case .range: return try range(arguments)
        case .raiseException:
            let message = try arguments.bind("message", required: 1, for: "raise_exception")["message"]
            throw TemplateFailure(try message?.text() ?? "")
        case .strftimeNow:
            let format = try arguments.bind("format", required: 1, for: "strftime_now").string("format")
            return try makeText(TemplateDate(now).text(format: format ?? ""))
        case .dict, .namespace:
            var members = TemplateDictionary()
            guard arguments.positional.count <= 1 else {
                throw TemplateFailure("'\(function.rawValue)' takes at most one argument without a name")
            }
            if let value = arguments.positional.first {
                guard case .dict(let given) = value else {
                    throw TemplateFailure("'\(function.rawValue)' expects a dictionary or named arguments")
                }
                try charge(given.weight)
                members = given
            }
            for argument in arguments.named { try members.set(argument.value, for: .string(argument.name)) }
            if function == .dict { return .dict(members) }
            var attributes: [String: TemplateValue] = [:]
            for case (.string(let name), let value) in members.entries { attributes[name] = value }
            namespaces.append(attributes)
            return .namespace(namespaces.count - 1)
        }
    }

    private func range(_ arguments: TemplateArguments) throws(TemplateFailure) -> TemplateValue {
        let bound = try arguments.bind("start", "stop", "step", required: 1, for: "range")
        guard arguments.named.isEmpty else { throw TemplateFailure("'range' takes no named arguments") }
        var start = try bound.integer("start") ?? 0
        var stop = start
        if bound["stop"] == nil { start = 0 } else { stop = try bound.integer("stop") ?? 0 }
        let step = try bound.integer("step") ?? 1
        guard step != 0 else { throw TemplateFailure("the step of 'range' cannot be zero") }
        let (span, overflow) = stop.subtractingReportingOverflow(start)
        guard !overflow else { throw TemplateFailure("'range' is out of range") }
        let isEmpty = span == 0 || (span < 0) != (step < 0)
        let count = isEmpty ? 0 : (span.magnitude - 1) / step.magnitude + 1
        guard count <= UInt(TemplateLimits.rangeCount) else {
            throw TemplateFailure("'range' has more than \(TemplateLimits.rangeCount) elements")
        }
        return try makeList((0..<Int(count)).map { .int(start + $0 * step) })
    }
}
