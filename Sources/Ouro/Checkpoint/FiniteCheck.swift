import OuroKernels

/// Searches tensors for infinities and NaNs.
package enum FiniteCheck {
    /// The index of the first value that is not finite. Nil if all are.
    package static func firstFault(in bytes: UnsafeRawBufferPointer, of element: ouro_element) -> Int? {
        switch element {
        case OURO_F32: return scan(bytes, exponent: UInt32(0x7F80_0000))
        case OURO_F16: return scan(bytes, exponent: UInt16(0x7C00))
        default: return scan(bytes, exponent: UInt16(0x7F80))
        }
    }

    /// In such a value, all bits of the exponent are set.
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
