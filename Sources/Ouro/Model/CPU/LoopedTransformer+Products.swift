import OuroKernels

// The matrix products of a pass. Activations are packed into the kernels' tiles. Then the threads share the output
// panels.

extension LoopedTransformer {
    /// Rows of activations, and the matrix by which they are multiplied.
    struct Operand: BitwiseCopyable {
        let matrix: ouro_matrix
        let panelCount: Int
        let rows: Int
        let x: FloatRows.View
        /// The memory of the packed activations.
        let tiles: UnsafeMutableRawPointer

        init(_ x: FloatRows, _ matrix: PackedMatrix, rows: Int, tiles: AlignedMemory) {
            self.matrix = matrix.descriptor
            panelCount = matrix.panelCount
            self.rows = rows
            self.x = x.view
            self.tiles = tiles.base
        }

        /// Whether the activations need no packing. A single row of floats already has the form of a tile.
        var isItsOwnTile: Bool { rows == 1 && matrix.bits == 0 }
        /// The number of inputs that must be packed together: the group size of quantised weights.
        var group: Int { matrix.bits == 0 ? 1 : Int(matrix.group) }

        /// Packs a range of inputs.
        func pack(_ inputs: Range<Int>, _ kernels: Kernels) {
            if isItsOwnTile { return }
            kernels.packRows(for: matrix, x.row(0), stride: x.stride, rows: rows, inputs: inputs, to: tiles)
        }
    }

    /// The arguments of one product, for worker threads.
    fileprivate struct Product: BitwiseCopyable {
        let operand: Operand
        let y: FloatRows.View
        let panelsPerItem: Int
        /// Set if the panels of gate and up alternate. The product then also computes `silu(gate) * up` and packs it
        /// for this operand.
        var activated: Operand?
    }

    /// The number of inputs that a thread packs at a time: whole groups.
    private static let inputsPerItem = 256

    /// The number of values below which one thread packs alone. Waking other threads would take longer.
    private static let valuesWorthSharing = 1 << 12

    /// The number of output panels that a thread computes at a time: a multiple of the panels in a tile.
    ///
    /// With few rows, a thread should read a long stretch of weights. With more rows, shorter stretches let all threads
    /// finish at the same time. With many rows, long stretches are better again, because every stretch reads all
    /// activations once.
    private static func panelsPerItem(rows: Int) -> Int { rows <= 6 ? 4 : rows <= 24 ? 6 : 12 }

    /// Packs the activations of a product.
    func pack(_ x: FloatRows, for matrix: PackedMatrix, rows: Int) -> Operand {
        let operand = Operand(x, matrix, rows: rows, tiles: work.packed)
        if operand.isItsOwnTile { return operand }
        let items = (matrix.inputs + Self.inputsPerItem - 1) / Self.inputsPerItem
        pool.forEach(items, for: self, operand, alone: rows * matrix.inputs < Self.valuesWorthSharing) {
            model, operand, item, _ in
            let (first, all) = (item * Self.inputsPerItem, Int(operand.matrix.inputs))
            operand.pack(first..<min(first + Self.inputsPerItem, all), model.kernels)
        }
        return operand
    }

    /// Computes `y = x * matrix^T` from packed activations.
    func multiply(_ operand: Operand, into y: FloatRows) {
        multiply(Product(operand: operand, y: y.view, panelsPerItem: Self.panelsPerItem(rows: operand.rows)))
    }

    /// Computes gate and up, then `silu(gate) * up`, and packs the result for the down projection. One thread does all
    /// three steps for the same columns.
    func multiplyGateUp(_ layer: LayerWeights, rows: Int) -> Operand {
        let operand = pack(work.normed, for: layer.gateUp, rows: rows)
        let activated = Operand(work.activated, layer.down, rows: rows, tiles: work.packedActivated)
        // A thread's share is a whole number of the down projection's groups. Gate and up have one panel each in turn.
        let whole = max(1, 2 * activated.group / PackedMatrix.panel)
        let panels = (Self.panelsPerItem(rows: rows) + whole - 1) / whole * whole
        multiply(Product(operand: operand, y: work.gateUp.view, panelsPerItem: panels, activated: activated))
        return activated
    }

    private func multiply(_ product: Product) {
        let items = (product.operand.panelCount + product.panelsPerItem - 1) / product.panelsPerItem
        pool.forEach(items, for: self, product) { model, product, item, _ in product.computePanels(item, model.kernels)
        }
    }
}

extension LoopedTransformer.Product {
    func computePanels(_ item: Int, _ kernels: Kernels) {
        let first = item * panelsPerItem
        let last = min(first + panelsPerItem, operand.panelCount)
        let tiles = operand.isItsOwnTile ? UnsafeRawPointer(operand.x.row(0)) : UnsafeRawPointer(operand.tiles)
        kernels.multiply(tiles, operand.matrix, rows: operand.rows, panels: first..<last, into: y)
        guard let activated else { return }
        kernels.table.swiglu(
            y.row(0), y.stride, operand.rows, first / 2, last / 2, activated.x.row(0), activated.x.stride)
        let columns = first / 2 * PackedMatrix.panel..<last / 2 * PackedMatrix.panel
        activated.pack(columns.clamped(to: 0..<Int(activated.matrix.inputs)), kernels)
    }
}
