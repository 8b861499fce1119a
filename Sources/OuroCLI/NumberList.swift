import ArgumentParser

/// Lists of numbers as options take them.
enum NumberList {
    /// Whole numbers from `1,2,5` or `1-4`, or both: `1-3,8`.
    static func integers(_ text: String, _ option: String) throws -> [Int] {
        var numbers: [Int] = []
        for part in text.split(separator: ",", omittingEmptySubsequences: false) {
            let ends = part.split(separator: "-", omittingEmptySubsequences: false).map { Int($0) }
            switch (ends.count, ends.first ?? nil, ends.last ?? nil) {
            case (1, let number?, _): numbers.append(number)
            case (2, let first?, let last?) where first <= last && last - first < 1000: numbers += first...last
            default:
                throw ValidationError("\(option): expected numbers, as in 1,2,5 or 1-4, found '\(text)'")
            }
        }
        return numbers
    }

    /// Numbers from `0.3,0.5`.
    static func floats(_ text: String, _ option: String) throws -> [Float] {
        try text.split(separator: ",", omittingEmptySubsequences: false).map { part in
            guard let value = Float(part), value.isFinite else {
                throw ValidationError("\(option): expected numbers, as in 0.3,0.5, found '\(text)'")
            }
            return value
        }
    }
}
