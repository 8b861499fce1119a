import Ouro
import OuroKernels

/// A quantised weight in memory, in the format of a file: [outputs][inputs], in affine groups.
///
/// Several threads may write at once if they write different rows.
struct QuantisedMatrix: Sendable {
    let outputs: Int
    let inputs: Int
    let setting: QuantisationSetting
    let scaleType: ElementType
    let scaleElement: ouro_element
    private let words: AlignedMemory
    private let scales: AlignedMemory
    private let biases: AlignedMemory

    var groupsPerRow: Int { inputs / setting.groupSize }

    /// Allocates a matrix without initialising it.
    ///
    /// - Parameters:
    ///   - outputs: the number of rows.
    ///   - inputs: the number of columns, a multiple of the group size.
    ///   - setting: bits and group size.
    ///   - scaleType: element type of scales and biases: F32, F16 or BF16.
    package init(outputs: Int, inputs: Int, setting: QuantisationSetting, scaleType: ElementType) {
        assert(inputs % setting.groupSize == 0)
        self.outputs = outputs
        self.inputs = inputs
        self.setting = setting
        self.scaleType = scaleType
        scaleElement = scaleType.kernelElement ?? OURO_F32
        let groups = outputs * (inputs / setting.groupSize)
        words = AlignedMemory(byteCount: outputs * (inputs * setting.bits / 8), clears: false)
        scales = AlignedMemory(byteCount: groups * scaleType.byteCount, clears: false)
        biases = AlignedMemory(byteCount: groups * scaleType.byteCount, clears: false)
    }

    /// Rounds every value of a matrix to the nearest value of its group's grid, bit for bit as MLX does.
    ///
    /// - Throws: `OuroError` with code `nonFinite`, without file and field, if a value is not finite.
    init(
        rounding source: WeightSource, setting: QuantisationSetting, scaleType: ElementType, kernels: Kernels,
        pool: WorkerPool
    ) throws(OuroError) {
        self.init(outputs: source.rows, inputs: source.columns, setting: setting, scaleType: scaleType)
        try forEachRow(of: source, kernels: kernels, pool: pool) { row, values, codes in
            let largest = Float(1 << setting.bits - 1)
            for group in 0..<groupsPerRow {
                let start = group * setting.groupSize
                let grid = AffineGrid(covering: values + start, count: setting.groupSize, bits: setting.bits)
                set(grid, row: row, group: group)
                for index in start..<start + setting.groupSize {
                    codes[index] = grid.code(values[index], largest: largest)
                }
            }
            set(codes, row: row)
        }
    }

    /// Computes MLX's grid of every group, but no codes.
    ///
    /// - Throws: `OuroError` with code `nonFinite`, without file and field, if a value is not finite.
    init(
        gridsOf source: WeightSource, setting: QuantisationSetting, scaleType: ElementType, kernels: Kernels,
        pool: WorkerPool
    ) throws(OuroError) {
        self.init(outputs: source.rows, inputs: source.columns, setting: setting, scaleType: scaleType)
        try forEachRow(of: source, kernels: kernels, pool: pool) { row, values, _ in
            for group in 0..<groupsPerRow {
                let start = values + group * setting.groupSize
                set(AffineGrid(covering: start, count: setting.groupSize, bits: setting.bits), row: row, group: group)
            }
        }
    }

    private func forEachRow(
        of source: WeightSource, kernels: Kernels, pool: WorkerPool,
        _ body: (_ row: Int, _ values: UnsafePointer<Float>, _ codes: UnsafeMutablePointer<UInt8>) -> Void
    ) throws(OuroError) {
        let values = FloatRows(rows: pool.threadCount, columns: inputs)
        let codes = AlignedMemory(byteCount: pool.threadCount * inputs, clears: false)
        let faults = FloatRows(rows: pool.threadCount, columns: 1)
        pool.forEach(outputs) { row, worker in
            let line = values.row(worker)
            source.write(row: row, to: line, kernels: kernels)
            let bytes = UnsafeRawBufferPointer(start: line, count: inputs * MemoryLayout<Float>.stride)
            if FiniteCheck.firstFault(in: bytes, of: OURO_F32) != nil { faults.row(worker)[0] = 1 }
            body(row, line, codes.base.assumingMemoryBound(to: UInt8.self) + worker * inputs)
        }
        if (0..<pool.threadCount).contains(where: { faults.row($0)[0] != 0 }) {
            throw OuroError(.nonFinite, "the weight has a value that is not finite; the file is damaged: copy it again")
        }
    }

    // MARK: rows

    func set(_ grid: AffineGrid, row: Int, group: Int) {
        let offset = (row * groupsPerRow + group) * scaleType.byteCount
        ElementRounding.store(grid.scale, as: scaleElement, to: scales.base + offset)
        ElementRounding.store(grid.bias, as: scaleElement, to: biases.base + offset)
    }

    /// The stored grid of a group, after rounding to `scaleType`.
    func grid(row: Int, group: Int, kernels: Kernels) -> AffineGrid {
        let offset = (row * groupsPerRow + group) * scaleType.byteCount
        var grid = AffineGrid(scale: 0, bias: 0)
        kernels.table.widen(scaleElement, scales.base + offset, 1, &grid.scale)
        kernels.table.widen(scaleElement, biases.base + offset, 1, &grid.bias)
        return grid
    }

    /// Packs the codes of a row into words.
    func set(_ codes: UnsafePointer<UInt8>, row: Int) {
        let bits = setting.bits
        let perWord = 32 / bits
        let out = words.base.assumingMemoryBound(to: UInt32.self) + row * (inputs / perWord)
        for word in 0..<inputs / perWord {
            var value: UInt32 = 0
            for index in 0..<perWord { value |= UInt32(codes[word * perWord + index]) << (index * bits) }
            out[word] = value.littleEndian
        }
    }

    // MARK: views

    /// The matrix as a weight source. It is valid as long as this value exists.
    var source: WeightSource {
        WeightSource(
            storage: .groups(
                WeightSource.AffineGroups(
                    words: words.base, scales: scales.base, biases: biases.base, scaleElement: scaleElement,
                    bits: setting.bits, groupSize: setting.groupSize)),
            rows: outputs, columns: inputs)
    }

    /// The tensors to write: codes, scales and biases, with the bytes of each.
    func tensors(named weight: String) -> [(TensorDeclaration, UnsafeRawBufferPointer)] {
        func part(_ expected: ExpectedTensor, _ type: ElementType, _ memory: AlignedMemory)
            -> (TensorDeclaration, UnsafeRawBufferPointer)
        {
            (
                TensorDeclaration(name: expected.name, elementType: type, shape: expected.shape),
                UnsafeRawBufferPointer(start: memory.base, count: memory.byteCount)
            )
        }
        let parts = Checkpoint.quantisedParts(of: weight, shape: [outputs, inputs], setting)
        return [part(parts[0], .u32, words), part(parts[1], scaleType, scales), part(parts[2], scaleType, biases)]
    }
}
