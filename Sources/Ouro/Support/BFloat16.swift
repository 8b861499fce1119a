/// The 16-bit type bf16: the upper half of an f32. Swift has no such type, so a value is its bits.
package enum BFloat16 {
    /// The nearest bf16; of two that are as near, the one with an even last bit. A NaN stays a NaN.
    package static func round(_ value: Float) -> UInt16 {
        let bits = value.bitPattern
        if value.isNaN { return UInt16(bits >> 16 | 0x40) }
        return UInt16(truncatingIfNeeded: (bits &+ 0x7FFF &+ (bits >> 16 & 1)) >> 16)
    }

    /// The f32 with the same value.
    package static func widen(_ bits: UInt16) -> Float { Float(bitPattern: UInt32(bits) << 16) }
}
