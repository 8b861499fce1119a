import OuroKernels

/// The kernels of one instruction set: the seam between the model and the hardware.
///
/// Every call of a C kernel goes through the table held here; another backend would take its place.
package struct Kernels: @unchecked Sendable {
    package let table: ouro_kernels

    /// Name of the instruction set, as `OURO_ISA` spells it.
    package var name: String { String(cString: table.name) }

    /// The variants this machine can run, best first.
    package static let available: [Kernels] = {
        var found: [Kernels] = []
        while let table = ouro_kernels_available(found.count) { found.append(Kernels(table: table.pointee)) }
        return found
    }()

    /// The variant that every machine has.
    package static let portable = available[available.count - 1]

    /// The named variant, or the best one.
    ///
    /// - Throws: ``OuroError`` with code `unsupported` if this machine lacks it.
    package static func select(_ name: String?) throws(OuroError) -> Kernels {
        guard let name, !name.isEmpty else { return available[0] }
        if let found = available.first(where: { $0.name == name }) { return found }
        let names = available.map(\.name).joined(separator: ", ")
        throw OuroError(.unsupported, field: "OURO_ISA", "'\(name)' is not available on this machine; it has \(names)")
    }
}

extension Kernels {
    /// Bytes that `rows` rows of activations take when packed for a product with `matrix`.
    package func packedBytes(_ matrix: PackedMatrix, rows: Int) -> Int {
        var descriptor = matrix.descriptor
        return table.packed_bytes(&descriptor, rows)
    }

    /// Packs some inputs (whole groups) of `rows` rows for a product.
    package func packRows(
        for matrix: ouro_matrix, _ x: UnsafePointer<Float>, stride: Int, rows: Int, inputs: Range<Int>,
        to packed: UnsafeMutableRawPointer
    ) {
        var matrix = matrix
        table.pack_rows(&matrix, x, stride, rows, inputs.lowerBound, inputs.upperBound, packed)
    }

    /// The outputs of some panels.
    package func multiply(
        _ packed: UnsafeRawPointer, _ matrix: ouro_matrix, rows: Int, panels: Range<Int>, into y: FloatRows.View
    ) {
        var matrix = matrix
        table.matmul(&matrix, packed, rows, panels.lowerBound, panels.upperBound, y.row(0), y.stride)
    }

    /// Rows of f32 values somewhere in memory, each `stride` after the one before.
    package struct Block {
        package let base: UnsafeMutablePointer<Float>
        package let stride: Int

        /// From a row and a column on.
        package init(_ rows: FloatRows, row: Int = 0, column: Int = 0) {
            base = rows.row(row) + column
            stride = rows.stride
        }
    }

    /// `c[i][j] += factor * sum of a[s][i] * b[s][j]` over the first `samples` rows s of a and b, for some rows i of c and
    /// its first `columns` columns j.
    package func addProducts(
        _ a: Block, _ b: Block, samples: Int, rows: Range<Int>, columns: Int, factor: Float = 1, to c: Block
    ) {
        table.add_products(
            a.base, a.stride, b.base, b.stride, samples, rows.lowerBound, rows.upperBound, columns, factor, c.base,
            c.stride)
    }
}

extension ouro_element: @unchecked @retroactive Sendable {}
extension ouro_kv_element: @unchecked @retroactive Sendable {}
extension ouro_matrix: @unchecked @retroactive Sendable {}
