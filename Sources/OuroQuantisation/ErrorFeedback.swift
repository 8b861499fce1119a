import Ouro
import OuroKernels

/// Rounds the inputs of a weight one after another, so that later inputs compensate for the rounding errors of earlier
/// ones.
///
/// This is GPTQ in the form of LDLQ (Frantar et al. 2022, Chee et al. 2023). Let e be the rounding errors of a row, and
/// H the second moments of the inputs. The output error over all inputs is e H e^T. Let H = U D U^T, where U has ones
/// on its diagonal and zeros below. Then the error is the sum over c of D[c] * (e[c] + sum over j < c of e[j]
/// U[j][c])^2. So the weights are rounded in order, and the inner sum is added to each weight before it is rounded.
/// Inputs with the largest moments come first, because then most other inputs can still compensate.
struct ErrorFeedback {
    /// The inputs in rounding order.
    let order: [Int]
    /// U above the diagonal and its transpose below, both in rounding order.
    private let factor: FloatRows

    /// Inputs that are rounded one by one, before their errors are added to all later inputs.
    private static let block = 64
    /// Weight rows in one work item.
    private static let rowsPerItem = 64
    private static let columnsPerItem = 512

    /// Factors the moments, after adding `damping` times their mean diagonal to the diagonal. The addition grows until
    /// the matrix is positive definite.
    init(_ moments: SecondMoments, damping: Float = 0.01, kernels: Kernels, pool: WorkerPool) {
        let count = moments.inputs
        let diagonal = (0..<count).map { moments.diagonal($0) }
        // Ties keep their order, so that the result does not depend on the sorting algorithm.
        order = (0..<count).sorted { (diagonal[$1], $0) < (diagonal[$0], $1) }
        factor = FloatRows(rows: count, columns: count)
        let mean = diagonal.reduce(0.0) { $0 + Double($1) } / Double(max(count, 1))
        var ridge = Float(mean) * damping
        while mean.isFinite, ridge > 0, ridge.isFinite {
            pool.forEach(count) { [order, factor] row, _ in
                let out = factor.row(row)
                for column in 0...row { out[column] = moments.value(order[row], order[column]) }
                out[row] += ridge
            }
            if factorise(kernels: kernels, pool: pool) {
                mirror(pool: pool)
                return
            }
            ridge *= 10
        }
        // Without statistics, every weight is rounded to its nearest value.
        for row in 0..<count { factor.row(row).update(repeating: 0, count: count) }
    }

    /// Replaces the moments in the lower triangle by the transpose of U, from the last row to the first.
    private func factorise(kernels: Kernels, pool: WorkerPool) -> Bool {
        var end = factor.rows
        while end > 0 {
            let start = max(0, end - Self.block)
            let rows = end - start
            // `undivided`: the rows start..<end before the division by D. `shares`: the factors by which row k is
            // subtracted from the earlier rows of its block.
            let undivided = FloatRows(rows: rows, columns: end)
            let shares = FloatRows(rows: rows, columns: rows)
            for k in stride(from: end - 1, through: start, by: -1) {
                let pivot = factor.row(k)[k]
                guard pivot > 0, pivot.isFinite else { return false }
                let share = shares.row(k - start)
                for i in start..<k { share[i - start] = factor.row(k)[i] / pivot }
                // Updates the block's own columns, which the next pivots need.
                kernels.addProducts(
                    Kernels.Block(shares, row: k - start), Kernels.Block(factor, row: k, column: start), samples: 1,
                    rows: 0..<k - start, columns: k - start, factor: -1,
                    to: Kernels.Block(factor, row: start, column: start))
            }
            pool.forEach((start + Self.columnsPerItem - 1) / Self.columnsPerItem) { [factor] item, _ in
                let first = item * Self.columnsPerItem
                let columns = min(Self.columnsPerItem, start - first)
                for k in stride(from: end - 1, to: start, by: -1) {
                    kernels.addProducts(
                        Kernels.Block(shares, row: k - start), Kernels.Block(factor, row: k, column: first), samples: 1,
                        rows: 0..<k - start, columns: columns, factor: -1,
                        to: Kernels.Block(factor, row: start, column: first))
                }
            }
            pool.forEach(rows) { [factor] index, _ in
                let row = factor.row(start + index)
                let pivot = row[start + index]
                undivided.row(index).update(from: row, count: start)
                for column in 0..<start + index { row[column] /= pivot }
                row[start + index] = 1
            }
            pool.forEach((start + Self.rowsPerItem - 1) / Self.rowsPerItem) { [factor] item, _ in
                let first = item * Self.rowsPerItem
                let last = min(first + Self.rowsPerItem, start)
                kernels.addProducts(
                    Kernels.Block(undivided), Kernels.Block(factor, row: start), samples: rows, rows: first..<last,
                    columns: last, factor: -1, to: Kernels.Block(factor))
            }
            end = start
        }
        return true
    }

    /// Copies the lower triangle into the upper one.
    private func mirror(pool: WorkerPool) {
        pool.forEach(factor.rows) { [factor] row, _ in
            let out = factor.row(row)
            for column in row + 1..<max(factor.columns, row + 1) { out[column] = factor.row(column)[row] }
        }
    }

    /// Rounds a weight to the grids of `target`.
    func round(_ source: WeightSource, into target: QuantisedMatrix, kernels: Kernels, pool: WorkerPool) {
        let items = (source.rows + Self.rowsPerItem - 1) / Self.rowsPerItem
        pool.forEach(items) { item, _ in
            let first = item * Self.rowsPerItem
            round(
                rows: first..<min(first + Self.rowsPerItem, source.rows), of: source, into: target, kernels: kernels)
        }
    }

    private func round(rows: Range<Int>, of source: WeightSource, into target: QuantisedMatrix, kernels: Kernels) {
        let (inputs, groupSize) = (source.columns, target.setting.groupSize)
        let largest = Float(1 << target.setting.bits - 1)
        let weights = FloatRows(rows: rows.count, columns: inputs)
        // The feedback of all earlier blocks on each weight.
        let feedback = FloatRows(rows: rows.count, columns: inputs)
        var grids: [AffineGrid] = []
        let line = FloatRows(rows: 1, columns: inputs)
        for (index, row) in rows.enumerated() {
            source.write(row: row, to: line.row(0), kernels: kernels)
            let ordered = weights.row(index)
            for (position, input) in order.enumerated() { ordered[position] = line.row(0)[input] }
            grids += (0..<target.groupsPerRow).map { target.grid(row: row, group: $0, kernels: kernels) }
        }
        let codes = AlignedMemory(byteCount: rows.count * inputs, clears: false)
        let rounded = codes.base.assumingMemoryBound(to: UInt8.self)
        let errors = FloatRows(rows: 1, columns: Self.block)
        let turnedErrors = FloatRows(rows: Self.block, columns: rows.count)
        for start in stride(from: 0, to: inputs, by: Self.block) {
            let end = min(start + Self.block, inputs)
            for index in 0..<rows.count {
                let (values, added, before) = (weights.row(index), feedback.row(index), errors.row(0))
                for position in start..<end {
                    let done = position - start
                    let wanted =
                        values[position] + added[position]
                        + kernels.table.dot(before, factor.row(position) + start, done)
                    let input = order[position]
                    let grid = grids[index * target.groupsPerRow + input / groupSize]
                    let code = grid.code(wanted, largest: largest)
                    rounded[index * inputs + input] = code
                    before[done] = values[position] - grid.value(code)
                    turnedErrors.row(done)[index] = before[done]
                }
            }
            kernels.addProducts(
                Kernels.Block(turnedErrors), Kernels.Block(factor, row: start, column: end), samples: end - start,
                rows: 0..<rows.count, columns: inputs - end, to: Kernels.Block(feedback, column: end))
        }
        for (index, row) in rows.enumerated() { target.set(rounded + index * inputs, row: row) }
    }
}
