import OuroKernels

/// Where one weight of a checkpoint lies: `rows` rows of `columns` values, row after row.
struct WeightSource {
    let bytes: UnsafeRawPointer
    let element: ouro_element
    let rows: Int
    let columns: Int

    func row(_ index: Int) -> UnsafeRawPointer {
        assert(index >= 0 && index < rows)
        return bytes + index * columns * element.byteCount
    }
}

extension ouro_element {
    var byteCount: Int { self == OURO_F32 ? 4 : 2 }
}

/// A weight matrix, `outputs` times `inputs`, in panels of 16 outputs (see `OuroKernels.h`).
struct PackedMatrix: Sendable {
    let element: ouro_element
    let inputs: Int
    let panelCount: Int
    private let memory: AlignedMemory

    static let panel = Int(OURO_PANEL)

    var panels: UnsafeRawPointer { UnsafeRawPointer(memory.base) }
    var byteCount: Int { memory.byteCount }

    /// Packs matrices that share their input. `interleaved` puts panel p of every source side by side (gate and up);
    /// otherwise the outputs follow each other without a gap (q, k, v).
    ///
    /// Sources of different element types are widened to f32.
    init(_ sources: [WeightSource], interleaved: Bool = false, kernels: Kernels, pool: WorkerPool) {
        let width = Self.panel
        let inputs = sources[0].columns
        let element = sources.allSatisfy { $0.element == sources[0].element } ? sources[0].element : OURO_F32
        // The source rows of every panel.
        var plan: [[(source: Int, row: Int)]] = []
        if interleaved {
            for first in stride(from: 0, to: sources[0].rows, by: width) {
                for source in sources.indices {
                    plan.append((first..<min(first + width, sources[source].rows)).map { (source, $0) })
                }
            }
        } else {
            let all = sources.indices.flatMap { source in (0..<sources[source].rows).map { (source, $0) } }
            for first in stride(from: 0, to: all.count, by: width) {
                plan.append(Array(all[first..<min(first + width, all.count)]))
            }
        }
        let panelBytes = inputs * width * element.byteCount
        let memory = AlignedMemory(byteCount: plan.count * panelBytes)
        pool.forEach(plan.count) { panel, _ in
            let members = plan[panel]
            let out = memory.base + panel * panelBytes
            if members.allSatisfy({ sources[$0.source].element == element }) {
                let rows = members.map { Optional(sources[$0.source].row($0.row)) }
                kernels.table.pack_panel(element, rows, Int32(rows.count), inputs, out)
            } else {
                let wide = FloatRows(rows: members.count, columns: inputs)
                for (index, member) in members.enumerated() {
                    let source = sources[member.source]
                    kernels.table.widen(source.element, source.row(member.row), inputs, wide.row(index))
                }
                let rows = members.indices.map { Optional(UnsafeRawPointer(wide.row($0))) }
                kernels.table.pack_panel(element, rows, Int32(rows.count), inputs, out)
            }
        }
        self.element = element
        self.inputs = inputs
        self.panelCount = plan.count
        self.memory = memory
    }
}
