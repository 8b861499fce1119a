import OuroKernels

/// Looks for infinities and values that are not numbers.
package enum FiniteCheck {
    /// Index of the first such value; nil if there is none.
    package static func firstFault(in bytes: UnsafeRawBufferPointer, of element: ouro_element) -> Int? {
        switch element {
        case OURO_F32: return scan(bytes, exponent: UInt32(0x7F80_0000))
        case OURO_F16: return scan(bytes, exponent: UInt16(0x7C00))
        default: return scan(bytes, exponent: UInt16(0x7F80))
        }
    }

    /// Such a value has all bits of its exponent set.
    private static func scan<Bits: FixedWidthInteger & UnsignedInteger & BitwiseCopyable>(
        _ bytes: UnsafeRawBufferPointer, exponent: Bits
    ) -> Int? {
        let size = MemoryLayout<Bits>.size
        for index in 0..<bytes.count / size {
            let value = bytes.loadUnaligned(fromByteOffset: index * size, as: Bits.self)
            if value & exponent == exponent { return index }
        }
        return nil
    }
}
