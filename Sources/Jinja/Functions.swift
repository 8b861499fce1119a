/// The functions that a template finds without defining them.
package enum Function: String, Sendable {
    case range
    case namespace
    case dict
    case cycler
    case joiner
    case lipsum
    case raiseException = "raise_exception"
    case strftimeNow = "strftime_now"
}

extension Interpreter {
    func call(
        _ function: Function, _ arguments: Arguments
    ) throws(TemplateError) -> Value {
        switch function {
        case .range: return try range(arguments)
        case .raiseException:
            let message = try arguments.bind("message", required: 1, for: "raise_exception")["message"]
            throw TemplateError(try str(message ?? .none))
        case .strftimeNow:
            let format = try arguments.bind("format", required: 1, for: "strftime_now").string("format") ?? ""
            try charge(format.utf8.count)
            return try makeText(now().text(format: format))
        case .dict: return .dict(try members(of: arguments, for: "dict"))
        case .namespace:
            let members = try members(of: arguments, for: "namespace")
            var attributes: [ExactString: Value] = [:]
            for entry in members.entries {
                if let name = entry.key.text { attributes[ExactString(name)] = entry.value }
            }
            try chargeKept()
            namespaces.append(attributes)
            return .namespace(namespaces.count - 1)
        case .cycler:
            guard arguments.named.isEmpty else { throw TemplateError("'cycler' takes no named arguments") }
            guard !arguments.positional.isEmpty else { throw TemplateError("'cycler' needs at least one item") }
            try chargeKept()
            cyclers.append((arguments.positional, 0))
            return .cycler(cyclers.count - 1)
        case .joiner:
            let separator = try arguments.bind("sep", for: "joiner")["sep"] ?? .string(", ")
            try chargeKept()
            joiners.append((separator, false))
            return .joiner(joiners.count - 1)
        case .lipsum:
            throw TemplateError("'lipsum' is not supported: it makes random text with the help of Python")
        }
    }

    /// The entries of `dict(...)`: those of a dictionary or of a sequence of pairs, and those given by name.
    private func members(of arguments: Arguments, for callee: String) throws(TemplateError) -> Mapping {
        var members = Mapping()
        guard arguments.positional.count <= 1 else {
            throw TemplateError("'\(callee)' takes at most one argument without a name")
        }
        if let value = arguments.positional.first {
            try charge(value.weight)
            if case .dict(let given) = value {
                members = given
            } else {
                for pair in try elements(of: value) {
                    let parts = try elements(of: pair)
                    guard parts.count == 2 else {
                        throw TemplateError(
                            "'\(callee)' expects pairs of a key and a value, found \(parts.count) values")
                    }
                    try members.set(parts[1], for: parts[0])
                }
            }
        }
        for argument in arguments.named { try members.set(argument.value, for: .string(argument.name.text)) }
        return members
    }

    /// A member of a cycler; nil if there is none of this name.
    func cyclerAttribute(_ name: ExactString, _ number: Int) -> Value? {
        guard cyclers.indices.contains(number) else { return nil }
        switch name {
        case "current": return cyclers[number].items[cyclers[number].position]
        case "next", "reset": return .method(receiver: .cycler(number), name: name)
        default: return nil
        }
    }

    func callCyclerMethod(
        _ name: ExactString, _ number: Int, _ arguments: Arguments
    ) throws(TemplateError) -> Value {
        _ = try arguments.bind(for: name)
        guard cyclers.indices.contains(number) else { throw TemplateError("this cycler does not exist") }
        let (items, position) = cyclers[number]
        cyclers[number].position = name == "next" ? (position + 1) % items.count : 0
        return name == "next" ? items[position] : .none
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
