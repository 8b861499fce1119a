import Foundation

/// A moment as `strftime_now` writes it, in the local time zone and in English.
struct TemplateDate {
    private let parts: DateComponents
    private static let months = [
        "January", "February", "March", "April", "May", "June", "July", "August", "September", "October", "November",
        "December",
    ]
    private static let days = ["Sunday", "Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday"]

    init(_ date: Date, timeZone: TimeZone = .current) {
        var calendar = Calendar(identifier: .gregorian)
        calendar.timeZone = timeZone
        parts = calendar.dateComponents([.year, .month, .day, .hour, .minute, .second, .weekday], from: date)
    }

    func text(format: String) throws(TemplateFailure) -> String {
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

    private func text(directive: Unicode.Scalar) throws(TemplateFailure) -> String {
        let hour = parts.hour ?? 0
        switch directive {
        case "d": return padded(parts.day)
        case "m": return padded(parts.month)
        case "Y": return String(parts.year ?? 0)
        case "y": return padded((parts.year ?? 0) % 100)
        case "H": return padded(hour)
        case "I": return padded(hour % 12 == 0 ? 12 : hour % 12)
        case "M": return padded(parts.minute)
        case "S": return padded(parts.second)
        case "p": return hour < 12 ? "AM" : "PM"
        case "B": return name(Self.months, parts.month)
        case "b", "h": return String(name(Self.months, parts.month).prefix(3))
        case "A": return name(Self.days, parts.weekday)
        case "a": return String(name(Self.days, parts.weekday).prefix(3))
        case "F": return try text(format: "%Y-%m-%d")
        case "T": return try text(format: "%H:%M:%S")
        case "%": return "%"
        default: throw TemplateFailure("'%\(directive)' in 'strftime_now' is outside the supported subset")
        }
    }

    private func padded(_ number: Int?) -> String {
        let number = number ?? 0
        return number < 10 ? "0\(number)" : "\(number)"
    }

    private func name(_ names: [String], _ number: Int?) -> String {
        let index = (number ?? 0) - 1
        return names.indices.contains(index) ? names[index] : ""
    }
}
