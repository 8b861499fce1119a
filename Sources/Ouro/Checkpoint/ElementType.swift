import OuroKernels

/// The element types of safetensors. The raw value is the format's own name.
///
/// The order of the cases is that of the format's library, whose writer puts later types first. Types narrower than a
/// byte (`F4`, `F6_*`) are not supported.
public enum ElementType: String, Sendable, CaseIterable {
    /// A boolean in one byte.
    case bool = "BOOL"
    /// An unsigned 8-bit integer.
    case u8 = "U8"
    /// A signed 8-bit integer.
    case i8 = "I8"
    /// An 8-bit float with 5 exponent and 2 mantissa bits.
    case f8e5m2 = "F8_E5M2"
    /// An 8-bit float with 4 exponent and 3 mantissa bits.
    case f8e4m3 = "F8_E4M3"
    /// An 8-bit exponent: a power of two.
    case f8e8m0 = "F8_E8M0"
    /// A signed 16-bit integer.
    case i16 = "I16"
    /// An unsigned 16-bit integer.
    case u16 = "U16"
    /// An IEEE 16-bit float.
    case f16 = "F16"
    /// A 16-bit bfloat: the upper half of an f32.
    case bf16 = "BF16"
    /// A signed 32-bit integer.
    case i32 = "I32"
    /// An unsigned 32-bit integer.
    case u32 = "U32"
    /// An IEEE 32-bit float.
    case f32 = "F32"
    /// A complex number of two 32-bit floats.
    case c64 = "C64"
    /// An IEEE 64-bit float.
    case f64 = "F64"
    /// A signed 64-bit integer.
    case i64 = "I64"
    /// An unsigned 64-bit integer.
    case u64 = "U64"

    /// Bytes of one element.
    public var byteCount: Int {
        switch self {
        case .bool, .u8, .i8, .f8e5m2, .f8e4m3, .f8e8m0: 1
        case .i16, .u16, .f16, .bf16: 2
        case .i32, .u32, .f32: 4
        case .c64, .f64, .i64, .u64: 8
        }
    }

    /// The type's name in the kernels; nil if they cannot read it.
    package var kernelElement: ouro_element? {
        switch self {
        case .f32: OURO_F32
        case .f16: OURO_F16
        case .bf16: OURO_BF16
        default: nil
        }
    }

    /// Bytes of a tensor. Nil if a dimension is negative or the size does not fit into 64 bits.
    func byteCount(shape: [Int]) -> Int? {
        var count = byteCount
        for dimension in shape {
            let (product, overflows) = count.multipliedReportingOverflow(by: dimension)
            guard dimension >= 0, !overflows else { return nil }
            count = product
        }
        return count
    }
}

/// The header entry of a tensor in a safetensors file.
public struct TensorInfo: Sendable, Equatable {
    /// The name of the tensor.
    public let name: String
    /// The type of its elements.
    public let elementType: ElementType
    /// The sizes of the dimensions, slowest first. Empty for a scalar.
    public let shape: [Int]
    /// The place of the tensor in the file, in bytes from the start of the data section. The section follows the
    /// header.
    public let byteRange: Range<Int>

    /// Number of elements.
    public var elementCount: Int { byteRange.count / elementType.byteCount }
}
