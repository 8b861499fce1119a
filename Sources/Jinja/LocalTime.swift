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

    /// Writes the time by a format of C's `strftime`. A `-` after the percent sign leaves out zeros and spaces before a number.
    ///
    /// - Throws: ``TemplateError`` for a directive that is not supported.
    func text(format: String) throws(TemplateError) -> String {
        var result = ""
        var rest = format.unicodeScalars[...]
        while let scalar = rest.popFirst() {
            guard scalar == "%", let first = rest.popFirst() else {
                result.unicodeScalars.append(scalar)
                continue
            }
            guard first == "-", let directive = rest.popFirst() else {
                result += try text(directive: first)
                continue
            }
            let text = try text(directive: directive)
            guard "dejHIklmMSy".unicodeScalars.contains(directive) else {
                result += text
                continue
            }
            let digits = text.unicodeScalars.drop { $0 == "0" || $0 == " " }
            result += digits.isEmpty ? "0" : String(digits)
        }
        return result
    }

    private func text(directive: Unicode.Scalar) throws(TemplateError) -> String {
        let hour12 = hour % 12 == 0 ? 12 : hour % 12
        switch directive {
        case "d": return padded(day)
        case "e": return padded(day, with: " ")
        case "m": return padded(month)
        case "Y": return String(year)
        case "y": return padded(year % 100)
        case "H": return padded(hour)
        case "k": return padded(hour, with: " ")
        case "I": return padded(hour12)
        case "l": return padded(hour12, with: " ")
        case "M": return padded(minute)
        case "S": return padded(second)
        case "p": return hour < 12 ? "AM" : "PM"
        case "B": return name(Self.months, month - 1)
        case "b", "h": return String(name(Self.months, month - 1).prefix(3))
        case "A": return name(Self.days, weekday)
        case "a": return String(name(Self.days, weekday).prefix(3))
        case "w": return String(weekday)
        case "u": return String(weekday == 0 ? 7 : weekday)
        case "j": return (dayOfYear < 100 ? "0" : "") + padded(dayOfYear)
        case "F": return try text(format: "%Y-%m-%d")
        case "T", "X": return try text(format: "%H:%M:%S")
        case "R": return try text(format: "%H:%M")
        case "r": return try text(format: "%I:%M:%S %p")
        case "D", "x": return try text(format: "%m/%d/%y")
        case "c": return try text(format: "%a %b %e %H:%M:%S %Y")
        // The time that Transformers gives has no zone.
        case "Z", "z": return ""
        case "n": return "\n"
        case "t": return "\t"
        case "%": return "%"
        default: throw TemplateError("'%\(directive)' in 'strftime_now' is not supported")
        }
    }

    /// The number of the day in the year, from 1.
    private var dayOfYear: Int {
        let lengths = [31, isLeapYear ? 29 : 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31]
        return lengths.prefix(max(0, month - 1)).reduce(day, +)
    }

    private var isLeapYear: Bool { year % 4 == 0 && (year % 100 != 0 || year % 400 == 0) }

    private func padded(_ number: Int, with fill: String = "0") -> String {
        number < 10 ? fill + "\(number)" : "\(number)"
    }

    private func name(_ names: [String], _ index: Int) -> String { names.indices.contains(index) ? names[index] : "" }
}
