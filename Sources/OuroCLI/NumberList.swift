import ArgumentParser

/// Reads lists of numbers from options: values separated by commas.
enum NumberList {
    /// Integers and ranges: `1,2,5`, `1-4` or `1-3,8`.
    static func integers(_ text: String, _ option: String) throws -> [Int] {
        try parse(text, option, "numbers, as in 1,2,5 or 1-4") { part in
            let ends = part.split(separator: "-", omittingEmptySubsequences: false).map { Int($0) }
            switch (ends.count, ends.first ?? nil, ends.last ?? nil) {
            case (1, let number?, _): return [number]
            case (2, let first?, let last?) where first <= last && last - first < 1000: return Array(first...last)
            default: return nil
            }
        }.flatMap { $0 }
    }

    /// Integers from 1: `1,4,16`.
    static func counts(_ text: String, _ option: String) throws -> [Int] {
        try parse(text, option, "numbers from 1, separated by commas") { Int($0).flatMap { $0 > 0 ? $0 : nil } }
    }

    /// Finite numbers: `0.3,0.5`.
    static func numbers<Value: BinaryFloatingPoint & LosslessStringConvertible>(
        _ text: String, _ option: String, example: String = "0.3,0.5"
    ) throws -> [Value] {
        try parse(text, option, "numbers, as in \(example)") { Value(String($0)).flatMap { $0.isFinite ? $0 : nil } }
    }

    private static func parse<Value>(
        _ text: String, _ option: String, _ expected: String, read: (Substring) -> Value?
    ) throws -> [Value] {
        try text.split(separator: ",", omittingEmptySubsequences: false).map { part in
            guard let value = read(part) else {
                throw ValidationError("\(option): expected \(expected), found '\(text)'")
            }
            return value
        }
    }
}
