import Ouro
import OuroKernels

/// The values that a group's weights can have: `scale * code + bias`, for codes from 0 to `2^bits - 1`.
struct AffineGrid: Equatable {
    var scale: Float
    var bias: Float

    init(scale: Float, bias: Float) {
        self.scale = scale
        self.bias = bias
    }

    /// The grid that MLX uses for a group, bit for bit (`mlx.core.quantize`).
    ///
    /// It covers all values of the group. The end with the larger magnitude and zero are exact. So the scale is a
    /// little larger than necessary, and it may be negative.
    init(covering values: UnsafePointer<Float>, count: Int, bits: Int) {
        var (least, greatest) = (Float.infinity, -Float.infinity)
        for index in 0..<count {
            let value = values[index]
            if value < least { least = value }
            if value > greatest { greatest = value }
        }
        let startsBelow = abs(least) > abs(greatest)
        let step = max((greatest - least) / Float(1 << bits - 1), 1e-7)
        let edge = startsBelow ? least : greatest
        scale = startsBelow ? step : -step
        bias = 0
        let steps = (edge / scale).rounded(.toNearestOrEven)
        if steps != 0 {
            scale = edge / steps
            bias = edge
        }
    }

    /// The grid after its scale and bias are rounded to the type that a file stores.
    func rounded(to element: ouro_element) -> AffineGrid {
        AffineGrid(
            scale: ElementRounding.rounded(scale, to: element), bias: ElementRounding.rounded(bias, to: element))
    }

    /// The code with the nearest value.
    ///
    /// - Parameters:
    ///   - value: a weight.
    ///   - largest: the largest code, `2^bits - 1`.
    func code(_ value: Float, largest: Float) -> UInt8 {
        let steps = ((value - bias) / scale).rounded(.toNearestOrEven)
        // A scale of zero gives NaN, which must become 0.
        guard steps > 0 else { return 0 }
        return UInt8(min(steps, largest))
    }

    /// The value of a code.
    func value(_ code: UInt8) -> Float { scale * Float(code) + bias }
}
