/// Computes answers from the prompt's text alone, by other methods than the generators.
enum TaskAnswers {
    /// Evaluates prefix notation from right to left, with a stack.
    static func mano(_ prompt: String) -> String? {
        var stack: [Int] = []
        for character in prompt.dropLast().reversed() {
            switch character {
            case "+", "-", "*":
                guard stack.count >= 2 else { return nil }
                let (left, right) = (stack.removeLast(), stack.removeLast())
                stack.append(character == "+" ? left + right : character == "-" ? left - right : left * right)
            default:
                guard let value = character.asciiValue else { return nil }
                stack.append(Int(value) - 97)
            }
        }
        guard stack.count == 1, let value = stack.first else { return nil }
        return String(UnicodeScalar(UInt8(97 + ((value % 23) + 23) % 23)))
    }

    static func chain(_ prompt: String) -> String? {
        let parts = prompt.split(separator: "?")
        guard parts.count == 2, let start = parts[1].first else { return nil }
        let steps = parts[1].dropFirst().count
        var next: [Character: Character] = [:]
        for arrow in parts[0].split(separator: " ") { next[arrow.first ?? " "] = arrow.last }
        var place = start
        for _ in 0..<steps {
            guard let following = next[place] else { return nil }
            place = following
        }
        return String(place)
    }

    /// Goes through the swaps backwards, to find where the letter at the asked place was at first.
    static func swaps(_ prompt: String) -> String? {
        let parts = prompt.dropLast().split(separator: "?")
        guard parts.count == 2, var place = Int(parts[1]) else { return nil }
        let words = parts[0].split(separator: " ")
        for swap in words.dropFirst().reversed() {
            let ends = swap.compactMap { $0.wholeNumberValue }
            if place == ends[0] { place = ends[1] } else if place == ends[1] { place = ends[0] }
        }
        return String(Array(words[0])[place - 1])
    }

    static func sums(_ prompt: String) -> String? {
        "\(prompt.compactMap(\.wholeNumberValue).reduce(0, +))".last.map(String.init)
    }

    static func brackets(_ prompt: String) -> String? {
        let closing: [Character: Character] = ["(": ")", "[": "]", "{": "}", "<": ">"]
        var open: [Character] = []
        for character in prompt.dropLast() {
            if let close = closing[character] {
                open.append(close)
            } else if open.popLast() != character {
                return nil
            }
        }
        return String(open.reversed())
    }

    static func copy(_ prompt: String) -> String? {
        prompt.split(separator: " ").last.map { String($0.dropLast()) }
    }

    static func arithmetic(_ prompt: String) -> String? {
        let isSum = prompt.contains("+")
        let numbers = prompt.dropLast().split(separator: isSum ? "+" : "-").compactMap { Int($0) }
        guard numbers.count == 2, let digits = numbers.max().map({ String($0).count }) else { return nil }
        let answer = isSum ? numbers[0] + numbers[1] : numbers[0] - numbers[1]
        guard answer >= 0 else { return nil }
        let text = String(answer)
        return String(repeating: "0", count: digits + 1 - text.count) + text
    }

    /// Finds what the last sentence asks for in the story.
    static func stories(_ prompt: String) -> String? {
        let words = prompt.split(whereSeparator: { " .".contains($0) }).map(String.init)
        let asked = prompt.split(separator: ".").last.map(String.init) ?? ""
        if asked.hasSuffix("was called") || asked.contains("The name of") {
            guard let index = words.firstIndex(of: "named") else { return nil }
            return " \(words[index + 1])."
        }
        // The first mention of the thing follows its colour, and the colour is the answer.
        let tail = prompt.components(separatedBy: " looked at the ").dropFirst().last ?? asked.dropFirst(5).description
        guard let thing = tail.split(whereSeparator: { " .".contains($0) }).first.map(String.init),
            let index = words.firstIndex(of: thing), index > 0
        else { return nil }
        return " \(words[index - 1])."
    }

    static let all: [String: @Sendable (String) -> String?] = [
        "mano": mano, "chain": chain, "swaps": swaps, "sums": sums, "brackets": brackets, "copy": copy,
        "arithmetic": arithmetic, "stories": stories,
    ]
}
