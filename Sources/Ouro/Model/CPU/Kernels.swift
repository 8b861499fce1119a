import OuroKernels

/// The C kernels of one variant, that is, of one instruction set.
///
/// Every call of a C kernel goes through one of these tables. `OuroKernels.h` has their rules: a row's result has the same
/// bits however the work is split, and no function allocates or keeps state.
package struct Kernels: @unchecked Sendable {
    /// What loading a model and running a pass need.
    package let table: ouro_kernels
    /// Storing, reading and compressing keys and values.
    package let cache: ouro_cache_kernels
    /// Training, and products of row-major matrices.
    package let training: ouro_training_kernels
    /// Measurements of the machine, for benchmarks.
    package let probes: ouro_probes

    /// Name of the instruction set, as `OURO_ISA` spells it.
    package var name: String { String(cString: table.name) }

    private init(_ variant: ouro_variant) {
        table = variant.pass
        cache = variant.cache
        training = variant.training
        probes = variant.probes
    }

    /// Bytes of stack of every thread that runs kernels.
    ///
    /// Optimised kernels need a few kilobytes. A debug build of an app that has this package as a dependency compiles them
    /// without optimisation: every variable then has memory of its own. 8 MiB is what a program's main thread has on Linux
    /// and macOS; a page that is never touched takes no memory.
    package static let stackSize = 8 << 20

    /// The variants that this machine can run, best first.
    package static let available: [Kernels] = {
        var found: [Kernels] = []
        var variant = ouro_variant()
        while ouro_variant_at(found.count, &variant) != 0 { found.append(Kernels(variant)) }
        return found
    }()

    /// The variant that every machine can run.
    package static let portable = available[available.count - 1]

    /// Name of the environment variable that selects an instruction set.
    private static let variable = "OURO_ISA"

    /// The named variant; without a name that of `OURO_ISA`; without that the best one.
    ///
    /// Every part of the package selects its kernels here, so one variable decides for all of them.
    ///
    /// - Throws: ``OuroError`` with code `unsupported` if this machine cannot run it.
    package static func select(
        _ name: String? = nil, environment: [String: String] = Machine.environment
    ) throws(OuroError) -> Kernels {
        guard let name = [name, environment[variable]].lazy.compactMap(\.self).first(where: { !$0.isEmpty }) else {
            return available[0]
        }
        if let found = available.first(where: { $0.name == name }) { return found }
        let names = available.map(\.name).joined(separator: ", ")
        throw OuroError(.unsupported, field: variable, "'\(name)' is not available on this machine; it has \(names)")
    }
}

extension Kernels {
    /// Bytes that `rows` rows of activations take when packed for a product with `matrix`.
    package func packedBytes(_ matrix: PackedMatrix, rows: Int) -> Int {
        var descriptor = matrix.descriptor
        return table.packed_bytes(&descriptor, rows)
    }

    /// Packs some inputs (whole groups) of `rows` rows of activations for a product.
    package func packRows(
        for matrix: ouro_matrix, _ x: UnsafePointer<Float>, stride: Int, rows: Int, inputs: Range<Int>,
        to packed: UnsafeMutableRawPointer
    ) {
        var matrix = matrix
        table.pack_rows(&matrix, x, stride, rows, inputs.lowerBound, inputs.upperBound, packed)
    }

    /// Computes the outputs of some panels.
    package func multiply(
        _ packed: UnsafeRawPointer, _ matrix: ouro_matrix, rows: Int, panels: Range<Int>, into y: FloatRows.View
    ) {
        var matrix = matrix
        table.matmul(
            &matrix, packed, rows, panels.lowerBound, panels.upperBound, table.prefetch, y.row(0), y.stride)
    }

    /// Rows of f32 values in memory that somebody else owns. Each row begins `stride` values after the one before.
    package struct Block {
        package let base: UnsafeMutablePointer<Float>
        package let stride: Int

        /// The part of a matrix from a row and a column on.
        package init(_ rows: FloatRows, row: Int = 0, column: Int = 0) {
            base = rows.row(row) + column
            stride = rows.stride
        }
    }

    /// `c[i][j] += factor * sum of a[s][i] * b[s][j]`, over the rows s in `0..<samples` of a and b.
    ///
    /// Computes some rows i and the first `columns` columns j of c. An element is summed over s in order, so its bits do not
    /// depend on which rows and columns a call computes.
    package func addProducts(
        _ a: Block, _ b: Block, samples: Int, rows: Range<Int>, columns: Int, factor: Float = 1, to c: Block
    ) {
        var product = ouro_product(
            a: a.base + rows.lowerBound, a_row: 1, a_depth: a.stride, b: b.base, b_stride: b.stride,
            c: c.base + rows.lowerBound * c.stride, c_stride: c.stride, rows: rows.count, columns: columns,
            depth: samples, adds: 1)
        training.add_scaled_product(&product, factor)
    }
}

extension ouro_element: @unchecked @retroactive Sendable {}
extension ouro_kv_element: @unchecked @retroactive Sendable {}
extension ouro_matrix: @unchecked @retroactive Sendable {}
