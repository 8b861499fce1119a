import Ouro
import OuroKernels

/// The values that a group's weights can take: `scale * q + bias` for `q` from 0 to `2^bits - 1`.
struct AffineGrid: Equatable {
    var scale: Float
    var bias: Float

    init(scale: Float, bias: Float) {
        self.scale = scale
        self.bias = bias
    }

    /// The grid that MLX lays over a group, bit for bit (`mlx.core.quantize`).
    ///
    /// It spans the values from end to end; the end that is larger in magnitude is kept exactly, and so is zero, which
    /// is why the scale is stretched a little and may be negative.
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

    /// The grid as it is read back from a file whose scales have a type.
    func rounded(to element: ouro_element) -> AffineGrid {
        AffineGrid(
            scale: ElementRounding.rounded(scale, to: element), bias: ElementRounding.rounded(bias, to: element))
    }

    /// The quotient whose value is nearest; `largest` is `2^bits - 1`.
    func quotient(_ value: Float, largest: Float) -> UInt8 {
        let steps = ((value - bias) / scale).rounded(.toNearestOrEven)
        // Written so that a scale of zero, which makes NaN, gives 0.
        guard steps > 0 else { return 0 }
        return UInt8(min(steps, largest))
    }

    func value(_ quotient: UInt8) -> Float { scale * Float(quotient) + bias }
}
