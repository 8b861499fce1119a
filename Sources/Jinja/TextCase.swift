// Upper and lower case, kinds of characters, and numbers in text, by Python's rules.

extension Text {
    /// `str.lower()`: a sigma at the end of a word has a form of its own.
    static func lowered(_ text: String) -> String {
        let scalars = text.unicodeScalars
        guard scalars.contains("\u{3a3}") else { return text.lowercased() }
        return lowered(scalars[...], in: scalars)
    }

    private static func lowered(_ part: Substring.UnicodeScalarView, in whole: String.UnicodeScalarView) -> String {
        var result = ""
        for index in part.indices { result += lowered(at: index, in: whole) }
        return result
    }

    private static func lowered(at index: String.Index, in scalars: String.UnicodeScalarView) -> String {
        guard scalars[index] == "\u{3a3}" else { return scalars[index].properties.lowercaseMapping }
        func isCased(_ part: some BidirectionalCollection<Unicode.Scalar>) -> Bool {
            part.first { !$0.properties.isCaseIgnorable }?.properties.isCased ?? false
        }
        let isFinal = isCased(scalars[..<index].reversed()) && !isCased(scalars[scalars.index(after: index)...])
        return isFinal ? "\u{3c2}" : "\u{3c3}"
    }

    static func capitalized(_ text: String) -> String {
        let scalars = text.unicodeScalars
        guard let first = scalars.first else { return "" }
        return first.properties.titlecaseMapping + lowered(scalars.dropFirst(), in: scalars)
    }

    /// `str.title()`: a letter is a capital unless a letter is before it.
    static func titled(_ text: String) -> String {
        let scalars = text.unicodeScalars
        var result = ""
        var isInWord = false
        for index in scalars.indices {
            let properties = scalars[index].properties
            result += isInWord ? lowered(at: index, in: scalars) : properties.titlecaseMapping
            isInWord = properties.isCased
        }
        return result
    }

    /// The `title` filter: words begin after whitespace, hyphens and opening brackets.
    static func titledWords(_ text: String) -> String {
        func isBetween(_ scalar: Unicode.Scalar) -> Bool {
            isSpace(scalar) || "-({[<".unicodeScalars.contains(scalar)
        }
        var result = ""
        var rest = text.unicodeScalars[...]
        while let first = rest.first {
            let word = isBetween(first) ? rest.prefix(while: isBetween) : rest.prefix { !isBetween($0) }
            result += first.properties.uppercaseMapping + lowered(String(word.dropFirst()))
            rest = rest[word.endIndex...]
        }
        return result
    }

    static func swappedCase(_ text: String) -> String {
        let scalars = text.unicodeScalars
        var result = ""
        for index in scalars.indices {
            let properties = scalars[index].properties
            if properties.isUppercase {
                result += lowered(at: index, in: scalars)
            } else {
                result += properties.isLowercase ? properties.uppercaseMapping : String(scalars[index])
            }
        }
        return result
    }

    /// `str.casefold()`. The standard library has no case folding, but lower case after upper case gives the same, except
    /// for a few letters.
    static func folded(_ text: String) -> String {
        var result = ""
        for scalar in text.unicodeScalars {
            switch scalar.value {
            case 0x131, 0x13a0...0x13f5: result.unicodeScalars.append(scalar)
            case 0x1e9e: result += "ss"
            case 0x13f8...0x13fd, 0xab70...0xabbf: result += scalar.properties.uppercaseMapping
            default:
                for upper in scalar.properties.uppercaseMapping.unicodeScalars {
                    result += upper.properties.lowercaseMapping
                }
            }
        }
        return result
    }

    /// `str.islower()` and `str.isupper()`: there are letters with a case, and all have this one.
    static func isCased(_ text: String, isLower: Bool) -> Bool {
        var hasCased = false
        for scalar in text.unicodeScalars where scalar.properties.isCased {
            guard isLower ? scalar.properties.isLowercase : scalar.properties.isUppercase else { return false }
            hasCased = true
        }
        return hasCased
    }

    static func isTitled(_ text: String) -> Bool {
        var (hasCased, isInWord) = (false, false)
        for scalar in text.unicodeScalars {
            let properties = scalar.properties
            if properties.isUppercase || properties.generalCategory == .titlecaseLetter {
                if isInWord { return false }
                (hasCased, isInWord) = (true, true)
            } else if properties.isLowercase {
                if !isInWord { return false }
                hasCased = true
            } else {
                isInWord = false
            }
        }
        return hasCased
    }

    // MARK: - Kinds of characters

    static func isLetter(_ scalar: Unicode.Scalar) -> Bool {
        switch scalar.properties.generalCategory {
        case .uppercaseLetter, .lowercaseLetter, .titlecaseLetter, .modifierLetter, .otherLetter: true
        default: false
        }
    }

    static func isLetterOrNumber(_ scalar: Unicode.Scalar) -> Bool {
        isLetter(scalar) || scalar.properties.numericType != nil
    }

    /// Whether a regular expression's `\w` matches.
    static func isWordPart(_ scalar: Unicode.Scalar) -> Bool { scalar == "_" || isLetterOrNumber(scalar) }

    static func wordCount(_ text: String) -> Int {
        var (count, isInWord) = (0, false)
        for scalar in text.unicodeScalars {
            let isPart = isWordPart(scalar)
            if isPart, !isInWord { count += 1 }
            isInWord = isPart
        }
        return count
    }

    // MARK: - Numbers

    enum ParsedInteger {
        case value(Int)
        case outOfRange
        case invalid
    }

    /// Python's `int(text, base)`. A base of 0 takes the base from a prefix such as `0x`.
    static func integer(_ text: String, base: Int = 10) -> ParsedInteger {
        var rest = Array(strip(text, nil).unicodeScalars)[...]
        let isNegative = rest.first == "-"
        if isNegative || rest.first == "+" { rest = rest.dropFirst() }
        var base = base
        if rest.count > 1, rest.first == "0" {
            let prefixes: [(letters: String, base: Int)] = [("xX", 16), ("oO", 8), ("bB", 2)]
            for prefix in prefixes where prefix.letters.unicodeScalars.contains(rest[rest.startIndex + 1]) {
                guard base == 0 || base == prefix.base else { break }
                base = prefix.base
                rest = rest.dropFirst(2)
                if rest.first == "_" { rest = rest.dropFirst() }
                break
            }
        }
        if base == 0 {
            guard rest.first != "0" || rest.allSatisfy({ $0 == "0" || $0 == "_" }) else { return .invalid }
            base = 10
        }
        var value = 0
        var isOutOfRange = false
        var isAfterDigit = false
        for scalar in rest {
            if scalar == "_", isAfterDigit {
                isAfterDigit = false
                continue
            }
            guard let digit = digit(scalar), digit < base else { return .invalid }
            isAfterDigit = true
            let product = value.multipliedReportingOverflow(by: base)
            let sum =
                isNegative
                ? product.partialValue.subtractingReportingOverflow(digit)
                : product.partialValue.addingReportingOverflow(digit)
            isOutOfRange = isOutOfRange || product.overflow || sum.overflow
            value = sum.partialValue
        }
        guard isAfterDigit else { return .invalid }
        return isOutOfRange ? .outOfRange : .value(value)
    }

    /// The value of a digit of any script, or of a letter as a digit of a higher base.
    private static func digit(_ scalar: Unicode.Scalar) -> Int? {
        switch scalar {
        case "0"..."9": return Int(scalar.value) - 48
        case "a"..."z": return Int(scalar.value) - 87
        case "A"..."Z": return Int(scalar.value) - 55
        default:
            guard !scalar.isASCII, scalar.properties.numericType == .decimal else { return nil }
            return scalar.properties.numericValue.flatMap { Int(exactly: $0) }
        }
    }

    /// Python's `float(text)`.
    static func float(_ text: String) -> Double? {
        var digits = ""
        var previous: Unicode.Scalar = " "
        for scalar in strip(text, nil).unicodeScalars {
            if scalar == "_" {
                guard digit(previous).map({ $0 < 10 }) ?? false else { return nil }
            } else if let value = digit(scalar), value < 10 {
                digits += String(value)
            } else {
                guard previous != "_" else { return nil }
                digits.unicodeScalars.append(scalar)
            }
            previous = scalar
        }
        guard previous != "_" else { return nil }
        digits = digits.lowercased()
        switch String(digits.unicodeScalars.drop { $0 == "+" || $0 == "-" }) {
        case "inf", "infinity", "nan": break
        default:
            let allowed = Set("0123456789+-.e".unicodeScalars)
            guard digits.unicodeScalars.allSatisfy(allowed.contains) else { return nil }
        }
        if let value = Double(digits) { return value }
        // Swift wants a digit after the point.
        let parts = digits.unicodeScalars.split(separator: ".", omittingEmptySubsequences: false)
        guard parts.count == 2, let last = parts[0].last, ("0"..."9").contains(last),
            parts[1].isEmpty || parts[1].first == "e"
        else { return nil }
        return Double(String(parts[0]) + ".0" + String(parts[1]))
    }
}
