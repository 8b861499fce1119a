import Ouro

extension OuroError.Code {
    /// Schedules that must give the same output did not: a fault of this engine.
    package static let scheduleMismatch = OuroError.Code(rawValue: "scheduleMismatch")
}
