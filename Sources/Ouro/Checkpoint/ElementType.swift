import OuroKernels

/// The element types of safetensors, by the names the format gives them.
///
/// In the order of the format's own library: its writer puts the later types first. Types narrower than a byte (`F4`,
/// `F6_*`) are not among them.
public enum ElementType: String, Sendable, CaseIterable {
    case bool = "BOOL"
    case u8 = "U8"
    case i8 = "I8"
    case f8e5m2 = "F8_E5M2"
    case f8e4m3 = "F8_E4M3"
    case f8e8m0 = "F8_E8M0"
    case i16 = "I16"
    case u16 = "U16"
    case f16 = "F16"
    case bf16 = "BF16"
    case i32 = "I32"
    case u32 = "U32"
    case f32 = "F32"
    case c64 = "C64"
    case f64 = "F64"
    case i64 = "I64"
    case u64 = "U64"

    /// Bytes that one element takes.
    public var byteCount: Int {
        switch self {
        case .bool, .u8, .i8, .f8e5m2, .f8e4m3, .f8e8m0: 1
        case .i16, .u16, .f16, .bf16: 2
        case .i32, .u32, .f32: 4
        case .c64, .f64, .i64, .u64: 8
        }
    }

    /// What the kernels call a type of weights; nil for all others.
    package var kernelElement: ouro_element? {
        switch self {
        case .f32: OURO_F32
        case .f16: OURO_F16
        case .bf16: OURO_BF16
        default: nil
        }
    }

    /// Bytes of a tensor; nil if a dimension is negative or the product does not fit 64 bits.
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

/// What a file says about one of its tensors.
public struct TensorInfo: Sendable, Equatable {
    public let name: String
    public let elementType: ElementType
    /// Sizes of the dimensions, the slowest first; empty for a scalar.
    public let shape: [Int]
    /// Where the tensor lies in its file, in bytes from the start of the data section (behind the header).
    public let byteRange: Range<Int>

    public var elementCount: Int { byteRange.count / elementType.byteCount }
}
