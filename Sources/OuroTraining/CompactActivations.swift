import Ouro
import OuroKernels

/// How activations are stored between the forward and the backward pass.
package enum ActivationStorage: String, Sendable, CaseIterable {
    /// In f32.
    case f32
    /// Rounded to bf16, which takes half the memory. Gradients differ in the third digit.
    case bf16
    /// Only the hidden states between loops are stored; the backward pass recomputes each loop. Results are
    /// bit-identical to `f32`.
    case recomputed
}

/// The stored activations of one layer at one loop, in bf16. The few log-sums and reciprocal roots stay in f32.
///
/// All layers share one `LayerActivations` to compute in. It is saved here after the forward pass of a layer, and
/// loaded again before the backward pass.
struct CompactActivations {
    private let halves: [AlignedMemory]
    private let exact: [FloatRows]

    init(_ example: LayerActivations) {
        halves = example.wide.map {
            AlignedMemory(byteCount: $0.rows * $0.columns * MemoryLayout<UInt16>.stride, clears: false)
        }
        exact = example.exact.map { FloatRows(rows: $0.rows, columns: $0.columns) }
    }

    func save(_ layer: LayerActivations, compute: Compute) {
        for (source, target) in zip(layer.wide, halves) {
            let target = target.base.assumingMemoryBound(to: UInt16.self)
            compute.forRows(source.rows) { range, _ in
                for row in range {
                    let (values, out) = (source.row(row), target + row * source.columns)
                    for column in 0..<source.columns { out[column] = BFloat16.round(values[column]) }
                }
            }
        }
        for (source, target) in zip(layer.exact, exact) { Self.copy(source, to: target) }
    }

    func load(into layer: LayerActivations, compute: Compute) {
        for (index, target) in layer.wide.enumerated() { load(index, into: target, compute: compute) }
        for (source, target) in zip(exact, layer.exact) { Self.copy(source, to: target) }
    }

    /// Loads only the residual stream after the layer.
    func loadOutput(into output: FloatRows, compute: Compute) {
        load(LayerActivations.outputIndex, into: output, compute: compute)
    }

    private func load(_ index: Int, into target: FloatRows, compute: Compute) {
        let source = UnsafeRawPointer(halves[index].base)
        let rowBytes = target.columns * MemoryLayout<UInt16>.stride
        compute.forRows(target.rows) { range, _ in
            for row in range {
                compute.kernels.table.widen(OURO_BF16, source + row * rowBytes, target.columns, target.row(row))
            }
        }
    }

    private static func copy(_ source: FloatRows, to target: FloatRows) {
        for row in 0..<source.rows { target.row(row).update(from: source.row(row), count: source.columns) }
    }
}
