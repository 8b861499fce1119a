#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#else
    import Darwin
#endif

/// What the template language takes from the C library. No other file of this module imports it.
enum CLibrary {
    /// `base` to the power of `exponent`.
    static func power(_ base: Double, _ exponent: Double) -> Double { pow(base, exponent) }

    /// The number in a format of C's `printf` that takes a precision and a double.
    static func format(_ number: Double, _ format: String, precision: Int) -> String {
        // The longest has a sign, 309 digits, a point, the decimal places and an exponent.
        let size = 330 + precision
        var bytes = [CChar](repeating: 0, count: size)
        let count = withVaList([Int32(clamping: precision), number]) { vsnprintf(&bytes, size, format, $0) }
        return String(decoding: bytes.prefix(max(0, Int(count))).map { UInt8(bitPattern: $0) }, as: UTF8.self)
    }
}

extension LocalTime {
    /// A moment by its seconds since the start of 1970 (UTC).
    init(seconds: Int) {
        var seconds = time_t(seconds)
        var parts = tm()
        localtime_r(&seconds, &parts)
        year = Int(parts.tm_year) + 1900
        month = Int(parts.tm_mon) + 1
        day = Int(parts.tm_mday)
        hour = Int(parts.tm_hour)
        minute = Int(parts.tm_min)
        second = Int(parts.tm_sec)
        weekday = Int(parts.tm_wday)
    }

    /// The time of the system's clock.
    static func current() -> LocalTime { LocalTime(seconds: Int(time(nil))) }
}
