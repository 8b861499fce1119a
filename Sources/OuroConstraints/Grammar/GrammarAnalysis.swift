import Ouro

/// What is true of a whole program. It is computed once, when a grammar is finished, in time linear in the program.
extension Grammar.Program {
    /// Replaces a call that ends a rule by a jump, so that a rule that ends with a call of itself needs no stack.
    mutating func replaceTailCalls() {
        for index in code.indices {
            guard case .call(let rule) = code[index] else { continue }
            var next = index + 1
            var count = 0
            while count < 8, case .jump(let target) = code[next] { (next, count) = (Int(target), count + 1) }
            if case .return = code[next] { code[index] = .jump(rule) }
        }
    }

    /// Replaces every instruction that leads to no complete text by `fail`. Without such instructions, a text that has
    /// begun can always be completed. Returns whether there is a text at all.
    mutating func removeDeadEnds() -> Bool {
        let productive = leastFixedPoint { program, index, holds in
            switch program.code[index] {
            case .branch(let first, let count):
                program.edges[Int(first)..<Int(first + count)].contains { holds($0.target) }
            case .literal: holds(Int32(index + 1))
            case .jump(let target): holds(target)
            case .split(let first, let second): holds(first) || holds(second)
            case .call(let rule): holds(rule) && holds(Int32(index + 1))
            case .loop(let body, let least, _): (least == 0 || holds(body)) && holds(Int32(index + 1))
            case .return, .accept: true
            case .fail: false
            }
        }
        for index in code.indices where !productive[index] { code[index] = .fail }
        return productive[0]
    }

    /// Whether a rule can call itself before it has read a byte. Its stack would grow without end.
    func hasLeftRecursion() -> Bool {
        let empty = leastFixedPoint { program, index, holds in
            switch program.code[index] {
            case .branch, .literal, .fail: false
            case .jump(let target): holds(target)
            case .split(let first, let second): holds(first) || holds(second)
            case .call(let rule): holds(rule) && holds(Int32(index + 1))
            case .loop(let body, let least, _): (least == 0 || holds(body)) && holds(Int32(index + 1))
            case .return, .accept: true
            }
        }
        // Steps that read nothing. A step into a rule pushes a frame.
        func steps(_ index: Int) -> [(target: Int, pushes: Bool)] {
            switch code[index] {
            case .branch, .literal, .return, .accept, .fail: []
            case .jump(let target): [(Int(target), false)]
            case .split(let first, let second): [(Int(first), false), (Int(second), false)]
            case .call(let rule): [(Int(rule), true)] + (empty[Int(rule)] ? [(index + 1, false)] : [])
            case .loop(let body, let least, _):
                [(Int(body), true)] + (least == 0 || empty[Int(body)] ? [(index + 1, false)] : [])
            }
        }
        let component = components(steps)
        return code.indices.contains { index in
            steps(index).contains { $0.pushes && component[$0.target] == component[index] }
        }
    }

    /// The smallest set of instructions that fulfils a rule.
    ///
    /// - Parameters:
    ///   - rule: tells whether an instruction is in the set, given which others are. More members never remove one.
    private func leastFixedPoint(
        _ rule: (Grammar.Program, Int, (Grammar.Address) -> Bool) -> Bool
    ) -> [Bool] {
        // The instructions that depend on each instruction, as lists in one array.
        var first = [Int32](repeating: -1, count: code.count)
        var links: [(dependent: Int32, next: Int32)] = []
        func targets(_ index: Int) -> [Grammar.Address] {
            switch code[index] {
            case .branch(let first, let count): edges[Int(first)..<Int(first + count)].map(\.target)
            case .literal: [Int32(index + 1)]
            case .jump(let target): [target]
            case .split(let first, let second): [first, second]
            case .call(let rule): [rule, Int32(index + 1)]
            case .loop(let body, _, _): [body, Int32(index + 1)]
            case .return, .accept, .fail: []
            }
        }
        for index in code.indices {
            for target in targets(index) {
                links.append((Int32(index), first[Int(target)]))
                first[Int(target)] = Int32(links.count - 1)
            }
        }
        var members = [Bool](repeating: false, count: code.count)
        var pending = Array(code.indices)
        while let index = pending.popLast() {
            guard !members[index], rule(self, index, { members[Int($0)] }) else { continue }
            members[index] = true
            var link = first[index]
            while link >= 0 {
                pending.append(Int(links[Int(link)].dependent))
                link = links[Int(link)].next
            }
        }
        return members
    }

    /// The strongly connected component of every instruction, by Tarjan's algorithm without recursion.
    private func components(_ steps: (Int) -> [(target: Int, pushes: Bool)]) -> [Int] {
        var order = [Int](repeating: -1, count: code.count)
        var low = order
        var component = order
        var (count, componentCount) = (0, 0)
        var open: [Int] = []
        var calls: [(index: Int, targets: [Int], next: Int)] = []
        func enter(_ index: Int) {
            (order[index], low[index]) = (count, count)
            count += 1
            open.append(index)
            calls.append((index, steps(index).map(\.target), 0))
        }
        for root in code.indices where order[root] < 0 {
            enter(root)
            while let call = calls.last {
                if call.next < call.targets.count {
                    calls[calls.count - 1].next += 1
                    let target = call.targets[call.next]
                    if order[target] < 0 {
                        enter(target)
                    } else if component[target] < 0 {
                        low[call.index] = min(low[call.index], order[target])
                    }
                    continue
                }
                calls.removeLast()
                if let parent = calls.last?.index { low[parent] = min(low[parent], low[call.index]) }
                guard low[call.index] == order[call.index] else { continue }
                while let last = open.popLast() {
                    component[last] = componentCount
                    if last == call.index { break }
                }
                componentCount += 1
            }
        }
        return component
    }
}
