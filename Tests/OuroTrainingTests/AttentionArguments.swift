import OuroKernels

/// The arguments of attention over one group of heads.
///
/// Its queries, keys and values are side by side in rows of `(heads + 2) * d` values.
func ouroAttention(
    _ x: UnsafePointer<Float>, _ gradient: UnsafeMutablePointer<Float>, heads: Int, d: Int
) -> ouro_training_attention {
    var a = ouro_training_attention()
    let width = (heads + 2) * d
    a.query = x
    a.key = x + heads * d
    a.value = x + (heads + 1) * d
    a.stride = width
    a.query_gradient = gradient
    a.key_gradient = gradient + heads * d
    a.value_gradient = gradient + (heads + 1) * d
    a.gradient_stride = width
    a.output_stride = heads * d
    a.heads = Int32(heads)
    a.head_dimension = Int32(d)
    a.scale = 1 / Float(d).squareRoot()
    return a
}
