/// The 16-bit type bf16: the upper half of an f32. Swift has no such type, so its bits represent a value.
package enum BFloat16 {
    /// Rounds to the nearest bf16, ties to even. A NaN stays a NaN.
    package static func round(_ value: Float) -> UInt16 {
        let bits = value.bitPattern
        if value.isNaN { return UInt16(bits >> 16 | 0x40) }
        return UInt16(truncatingIfNeeded: (bits &+ 0x7FFF &+ (bits >> 16 & 1)) >> 16)
    }

    /// Returns the f32 of the same value.
    package static func widen(_ bits: UInt16) -> Float { Float(bitPattern: UInt32(bits) << 16) }
}
