import OuroKernels

/// The C kernels of one variant, that is, for one instruction set.
///
/// Every call of a C kernel goes through one of these tables. `OuroKernels.h` states their rules. The bits of a row's
/// result do not depend on how the work is split. No function allocates memory or keeps state.
package struct Kernels: @unchecked Sendable {
    /// Functions for loading a model and running a pass.
    package let table: ouro_kernels
    /// Functions for storing, reading and compressing keys and values.
    package let cache: ouro_cache_kernels
    /// Functions for choosing tokens.
    package let sampling: ouro_sampling_kernels
    /// Functions for training and for products of row-major matrices.
    package let training: ouro_training_kernels
    /// Functions that measure the machine, for benchmarks.
    package let probes: ouro_probes

    /// The name of the instruction set, as in `OURO_ISA`.
    package var name: String { String(cString: table.name) }

    private init(_ variant: ouro_variant) {
        table = variant.pass
        cache = variant.cache
        sampling = variant.sampling
        training = variant.training
        probes = variant.probes
    }

    /// The stack size in bytes of every thread that runs kernels.
    ///
    /// Optimised kernels need a few kilobytes. A debug build of an app that depends on this package compiles the
    /// kernels without optimisation, and then every variable takes stack memory. 8 MiB is the stack size of main
    /// threads on Linux and macOS. Pages that are never accessed take no memory.
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

    /// The environment variable that selects an instruction set.
    private static let variable = "OURO_ISA"

    /// Selects a variant: the named one, or else that of `OURO_ISA`, or else the best one.
    ///
    /// Every part of the package selects its kernels with this function, so one environment variable applies to all of
    /// them.
    ///
    /// - Throws: ``OuroError`` with code `unsupported` if this machine cannot run the variant.
    package static func select(
        _ name: String? = nil, environment: [String: String] = Machine.environment
    ) throws(OuroError) -> Kernels {
        guard let name = [name, environment[variable]].lazy.compactMap(\.self).first(where: { !$0.isEmpty }) else {
            return available[0]
        }
        if let found = available.first(where: { $0.name == name }) { return found }
        let names = available.map(\.name).joined(separator: ", ")
        throw OuroError(
            .unsupported, field: variable, "'\(name)' is not available on this machine; choose one of: \(names)")
    }
}

extension Kernels {
    /// A matrix of f32 values that another object owns. Each row begins `stride` values after the previous one.
    package struct Block {
        package let base: UnsafeMutablePointer<Float>
        package let stride: Int

        /// The part of a matrix that begins at a row and a column.
        package init(_ rows: FloatRows, row: Int = 0, column: Int = 0) {
            base = rows.row(row) + column
            stride = rows.stride
        }
    }

    /// Computes `c[i][j] += factor * sum of a[s][i] * b[s][j]`, over the rows s in `0..<samples` of a and b.
    ///
    /// The call computes the given rows i and the first `columns` columns j of c. Each element is summed over s in
    /// order, so its bits do not depend on the range of the call.
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
