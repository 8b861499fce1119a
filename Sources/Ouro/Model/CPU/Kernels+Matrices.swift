import OuroKernels

extension Kernels {
    /// Bytes of `rows` rows of activations, packed for a product with `matrix`.
    package func packedBytes(_ matrix: PackedMatrix, rows: Int) -> Int {
        var descriptor = matrix.descriptor
        return table.packed_bytes(&descriptor, rows)
    }

    /// Packs inputs of `rows` rows of activations for a product. The range consists of whole groups.
    package func packRows(
        for matrix: ouro_matrix, _ x: UnsafePointer<Float>, stride: Int, rows: Int, inputs: Range<Int>,
        to packed: UnsafeMutableRawPointer
    ) {
        var matrix = matrix
        table.pack_rows(&matrix, x, stride, rows, inputs.lowerBound, inputs.upperBound, packed)
    }

    /// Computes the outputs of a range of panels.
    package func multiply(
        _ packed: UnsafeRawPointer, _ matrix: ouro_matrix, rows: Int, panels: Range<Int>, into y: FloatRows.View
    ) {
        var matrix = matrix
        table.matmul(
            &matrix, packed, rows, panels.lowerBound, panels.upperBound, table.prefetch, y.row(0), y.stride)
    }
}
