/// The values that a call gives to a function, method, filter or test.
struct Arguments {
    var positional: [Value] = []
    var named: [(name: ExactString, value: Value)] = []

    /// Assigns the values to parameters.
    ///
    /// - Throws: ``TemplateError`` if there are more values than parameters, a name that is none of them, two values for one
    ///   of them, or no value for one of the first `required`.
    func bind(
        _ parameters: ExactString..., required: Int = 0, for callee: ExactString
    ) throws(TemplateError) -> Bound {
        guard positional.count <= parameters.count else {
            throw TemplateError("'\(callee)' takes at most \(parameters.count) arguments, found \(positional.count)")
        }
        var values: [ExactString: Value] = [:]
        for (parameter, value) in zip(parameters, positional) { values[parameter] = value }
        for argument in named {
            guard parameters.contains(argument.name) else {
                throw TemplateError("'\(callee)' has no argument '\(argument.name)'")
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
        let callee: ExactString
        let values: [ExactString: Value]

        subscript(_ parameter: ExactString) -> Value? { values[parameter] }

        /// The value of a parameter; nil if it was left out or is None.
        func given(_ parameter: ExactString) -> Value? {
            if case .none? = values[parameter] { nil } else { values[parameter] }
        }

        func flag(_ parameter: ExactString, default fallback: Bool = false) -> Bool {
            values[parameter]?.isTrue ?? fallback
        }

        func integer(_ parameter: ExactString) throws(TemplateError) -> Int? {
            guard let value = given(parameter) else { return nil }
            guard value.isInteger, case .int(let number)? = value.number else {
                throw wrongType(parameter, "an integer", value)
            }
            return number
        }

        func string(_ parameter: ExactString) throws(TemplateError) -> String? {
            guard let value = given(parameter) else { return nil }
            guard let text = value.text else { throw wrongType(parameter, "a string", value) }
            return text
        }

        private func wrongType(_ parameter: ExactString, _ expected: String, _ value: Value) -> TemplateError {
            if case .undefined(let what) = value { return TemplateError(what) }
            return TemplateError(
                "'\(callee)' expects \(expected) for '\(parameter)', found a value of type '\(value.typeName)'")
        }
    }
}

extension Value {
    /// Whether the value is an integer or a boolean, which Python takes for one.
    var isInteger: Bool {
        switch self {
        case .int, .bool: true
        default: false
        }
    }
}

extension Interpreter {
    func call(_ callee: Value, _ arguments: Arguments) throws(TemplateError) -> Value {
        switch callee {
        case .function(let function): return try call(function, arguments)
        case .method(let receiver, let name): return try callMethod(name, of: receiver, arguments)
        case .macro(let number): return try callMacro(number, arguments)
        case .loop(let number): return try callLoop(number, arguments)
        case .joiner(let number):
            _ = try arguments.bind(for: "joiner")
            guard joiners.indices.contains(number) else { throw TemplateError("this joiner does not exist") }
            guard joiners[number].isUsed else {
                joiners[number].isUsed = true
                return .string("")
            }
            return joiners[number].separator
        case .undefined(let what): throw TemplateError(what)
        default: throw TemplateError("a value of type '\(callee.typeName)' cannot be called")
        }
    }

    private func callMacro(_ number: Int, _ arguments: Arguments) throws(TemplateError) -> Value {
        guard macros.indices.contains(number) else { throw TemplateError("this macro does not exist") }
        let defined = macros[number]
        let scope = Scope(parent: defined.scope)
        try bind(arguments, to: defined.macro, scope)
        let outer = autoescapes
        autoescapes = defined.autoescapes
        let (text, _) = try capture { () throws(TemplateError) in try execute(defined.macro.body, scope) }
        autoescapes = outer
        return try makeText(text, isMarkup: autoescapes)
    }

    /// Sets a macro's parameters. What is left of the arguments goes to `varargs`, `kwargs` and `caller`, if the macro's
    /// body mentions them.
    private func bind(
        _ arguments: Arguments, to macro: Statement.Macro, _ scope: Scope
    ) throws(TemplateError) {
        let title = macro.name.map { "the macro '\($0)'" } ?? "the body of '{% call %}'"
        try charge(arguments.named.count)
        var named: [ExactString: Value] = [:]
        for argument in arguments.named { named[argument.name] = argument.value }
        var missing: [(name: ExactString, fallback: Expression?)] = []
        for (index, parameter) in macro.parameters.enumerated() {
            try charge(1)
            if index < arguments.positional.count {
                scope.values[parameter.name] = arguments.positional[index]
            } else if let value = named.removeValue(forKey: parameter.name) {
                scope.values[parameter.name] = value
            } else {
                scope.values[parameter.name] = .undefined("'\(parameter.name)' is undefined")
                missing.append(parameter)
            }
        }
        if macro.takes("caller") {
            scope.values["caller"] = named.removeValue(forKey: "caller") ?? .undefined("No caller defined")
        }
        if macro.takes("kwargs") {
            var members = Mapping()
            for argument in arguments.named where named[argument.name] != nil {
                try members.set(argument.value, for: .string(argument.name.text))
            }
            scope.values["kwargs"] = .dict(members)
        } else if let argument = arguments.named.first(where: { named[$0.name] != nil }) {
            throw TemplateError("\(title) has no argument '\(argument.name)'")
        }
        let rest = arguments.positional.dropFirst(macro.parameters.count)
        if macro.takes("varargs") {
            scope.values["varargs"] = try .makeTuple(Array(rest))
        } else if !rest.isEmpty {
            throw TemplateError(
                "\(title) takes at most \(macro.parameters.count) arguments, found \(arguments.positional.count)")
        }
        for parameter in missing {
            scope.values[parameter.name] =
                try parameter.fallback.map { (value) throws(TemplateError) in try evaluate(value, scope) }
                ?? .undefined("parameter '\(parameter.name)' was not provided")
        }
    }

    /// A member of a macro; nil if there is none of this name.
    func macroAttribute(_ name: ExactString, _ number: Int) throws(TemplateError) -> Value? {
        guard macros.indices.contains(number) else { return nil }
        let macro = macros[number].macro
        switch name {
        case "name": return macro.name.map { .string($0.text) } ?? Value.none
        case "arguments": return try .makeTuple(macro.parameters.map { .string($0.name.text) })
        case "catch_varargs": return .bool(macro.takes("varargs"))
        case "catch_kwargs": return .bool(macro.takes("kwargs"))
        case "caller": return .bool(macro.special.contains("caller"))
        default: return nil
        }
    }
}
