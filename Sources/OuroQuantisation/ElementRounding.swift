import Ouro
import OuroKernels

/// Rounds f32 values to the types that store scales and biases: to the nearest value, ties to even, as MLX does.
enum ElementRounding {
    /// Stores a value as an element of a type. The address may be unaligned.
    static func store(_ value: Float, as element: ouro_element, to address: UnsafeMutableRawPointer) {
        switch element {
        case OURO_F32: address.storeBytes(of: value.bitPattern, as: UInt32.self)
        case OURO_F16: address.storeBytes(of: half(value), as: UInt16.self)
        default: address.storeBytes(of: BFloat16.round(value), as: UInt16.self)
        }
    }

    /// The value after rounding to a type.
    static func rounded(_ value: Float, to element: ouro_element) -> Float {
        switch element {
        case OURO_F32: value
        case OURO_F16: widened(half(value))
        default: BFloat16.widen(BFloat16.round(value))
        }
    }

    // Implemented here because Swift does not have Float16 on every platform.
    private static func half(_ value: Float) -> UInt16 {
        let bits = value.bitPattern
        let sign = UInt16(bits >> 16 & 0x8000)
        let magnitude = bits & 0x7FFF_FFFF
        if magnitude > 0x7F80_0000 { return sign | 0x7E00 }
        if magnitude >= 0x4780_0000 { return sign | 0x7C00 }
        if magnitude < 0x3880_0000 {
            // Subnormal values are multiples of 2^-24.
            let steps = (Float(bitPattern: magnitude) * 0x1p24).rounded(.toNearestOrEven)
            return sign | UInt16(steps)
        }
        let rounded = magnitude + 0xFFF + (magnitude >> 13 & 1)
        return sign | UInt16((rounded - 0x3800_0000) >> 13)
    }

    private static func widened(_ bits: UInt16) -> Float {
        let magnitude = UInt32(bits & 0x7FFF)
        let value: Float =
            if magnitude >= 0x7C00 {
                magnitude == 0x7C00 ? .infinity : .nan
            } else if magnitude < 0x400 {
                Float(magnitude) * 0x1p-24
            } else {
                Float(bitPattern: magnitude << 13 + 0x3800_0000)
            }
        return bits & 0x8000 == 0 ? value : -value
    }
}
