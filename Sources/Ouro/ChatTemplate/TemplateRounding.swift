import Foundation

extension TemplateEvaluator {
    /// The `round` filter: Python's `round`, or `floor` and `ceil` at a decimal place.
    func round(_ value: TemplateValue, _ arguments: TemplateArguments) throws(TemplateFailure) -> TemplateValue {
        let bound = try arguments.bind("precision", "method", for: "round")
        let precision = try bound.integer("precision") ?? 0
        guard (0...15).contains(precision) else {
            throw TemplateFailure("'round' supports a precision from 0 to 15, found \(precision)")
        }
        guard let number = value.number else {
            throw TemplateFailure("'round' needs a number, found a value of type '\(value.typeName)'")
        }
        let method = try bound.string("method") ?? "common"
        switch (method, number) {
        case ("common", .int(let whole)): return .int(whole)
        case ("common", .float(let fraction)):
            guard fraction.isFinite else { return .float(fraction) }
            // The decimal text is rounded from the exact binary value, as Python does.
            return .float(Double(String(format: "%.*f", precision, fraction)) ?? fraction)
        case ("floor", _), ("ceil", _):
            let scale = pow(10, Double(precision))
            let scaled = number.double * scale
            return .float((method == "floor" ? scaled.rounded(.down) : scaled.rounded(.up)) / scale)
        default: throw TemplateFailure("'round' knows the methods 'common', 'floor' and 'ceil', not '\(method)'")
        }
    }
}
