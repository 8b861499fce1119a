import OuroKernels

/// A weight matrix [outputs][inputs] in panels of 16 outputs (see `OuroKernels.h`).
package struct PackedMatrix: Sendable {
    package let format: MatrixFormat
    package let inputs: Int
    package let panelCount: Int
    private let memory: AlignedMemory

    /// Number of outputs in a panel: 16.
    package static let panel = MatrixFormat.panel

    /// Bytes of all panels.
    package var byteCount: Int { memory.byteCount }

    /// The matrix in the form that the kernels take. Valid while this value lives.
    package var descriptor: ouro_matrix {
        switch format {
        case .values(let element):
            ouro_matrix(
                panels: memory.base, inputs: inputs, bits: 0, group: 1, element: element, scale_element: OURO_F32)
        case .groups(let bits, let groupSize, let scaleElement):
            ouro_matrix(
                panels: memory.base, inputs: inputs, bits: UInt32(bits), group: UInt32(groupSize), element: OURO_F32,
                scale_element: scaleElement)
        }
    }

    /// Allocates panels without initialising them.
    package init(format: MatrixFormat, inputs: Int, panelCount: Int) {
        self.format = format
        self.inputs = inputs
        self.panelCount = panelCount
        // Prefetches may go slightly beyond the end. They never fault.
        memory = AlignedMemory(byteCount: panelCount * format.panelBytes(inputs: inputs), clears: false)
    }

    /// Packs matrices that have the same input. They alternate by panels (gate and up), or by the numbers of rows in
    /// `rowsInTurn` (queries, key and value of a head).
    ///
    /// If the sources are stored in different ways, they are widened to f32.
    package init(_ sources: [WeightSource], rowsInTurn: [Int]? = nil, kernels: Kernels, pool: WorkerPool) {
        let inputs = sources[0].columns
        let format =
            sources.allSatisfy { $0.format == sources[0].format } ? sources[0].format : .values(OURO_F32)
        let plan = Self.plan(sources, rowsInTurn: rowsInTurn)
        self.init(format: format, inputs: inputs, panelCount: plan.count)
        let matrix = descriptor
        let panelBytes = format.panelBytes(inputs: inputs)
        pool.forEach(plan.count) { [memory] panel, _ in
            Self.pack(plan[panel], of: sources, as: matrix, to: memory.base + panel * panelBytes, kernels: kernels)
        }
    }

    private typealias Member = (source: Int, row: Int)

    /// The source rows of each panel.
    private static func plan(_ sources: [WeightSource], rowsInTurn: [Int]?) -> [[Member]] {
        func turn(_ source: Int, _ number: Int, _ count: Int) -> [Member] {
            (number * count..<min((number + 1) * count, sources[source].rows)).map { (source, $0) }
        }
        guard let rowsInTurn else {
            return (0..<(sources[0].rows + panel - 1) / panel).flatMap { number in
                sources.indices.map { turn($0, number, panel) }
            }
        }
        let all = (0..<sources[0].rows / rowsInTurn[0]).flatMap { number in
            sources.indices.flatMap { turn($0, number, rowsInTurn[$0]) }
        }
        return stride(from: 0, to: all.count, by: panel).map { Array(all[$0..<min($0 + panel, all.count)]) }
    }

    private static func pack(
        _ members: [Member], of sources: [WeightSource], as matrix: ouro_matrix, to out: UnsafeMutableRawPointer,
        kernels: Kernels
    ) {
        var matrix = matrix
        let count = Int32(members.count)
        if matrix.bits > 0 {
            var words: [UnsafePointer<UInt32>?] = []
            var (scales, biases): ([UnsafeRawPointer?], [UnsafeRawPointer?]) = ([], [])
            for member in members {
                guard case .groups(let groups) = sources[member.source].storage else { continue }
                let offset = member.row * (matrix.inputs / groups.groupSize) * groups.scaleElement.byteCount
                words.append(
                    (groups.words + member.row * matrix.inputs * groups.bits / 8).assumingMemoryBound(to: UInt32.self))
                scales.append(groups.scales + offset)
                biases.append(groups.biases + offset)
            }
            return kernels.table.pack_quantised_panel(&matrix, words, scales, biases, count, out)
        }
        let direct: [UnsafeRawPointer?] = members.compactMap { member in
            guard case .values(let bytes, matrix.element) = sources[member.source].storage else { return nil }
            return bytes + member.row * matrix.inputs * matrix.element.byteCount
        }
        if direct.count == members.count {
            return kernels.table.pack_panel(matrix.element, direct, count, matrix.inputs, out)
        }
        let wide = FloatRows(rows: members.count, columns: matrix.inputs)
        for (index, member) in members.enumerated() {
            sources[member.source].write(row: member.row, to: wide.row(index), kernels: kernels)
        }
        let rows = members.indices.map { Optional(UnsafeRawPointer(wide.row($0))) }
        kernels.table.pack_panel(OURO_F32, rows, count, matrix.inputs, out)
    }
}
