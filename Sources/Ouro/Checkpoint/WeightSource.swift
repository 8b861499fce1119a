import OuroKernels

/// The place of a weight's values in a checkpoint: `rows` rows of `columns` values, in row-major order.
package struct WeightSource {
    /// How the values are stored.
    package enum Storage {
        /// Values of one type.
        case values(UnsafeRawPointer, ouro_element)
        /// Codes of MLX's quantisation, packed into 32-bit words, lowest bits first. A value is `scale * code + bias`.
        case groups(AffineGroups)
    }

    /// The three tensors of a quantised matrix.
    package struct AffineGroups {
        /// Codes [rows][columns * bits / 32], as 32-bit words.
        package let words: UnsafeRawPointer
        /// Scales [rows][columns / groupSize].
        package let scales: UnsafeRawPointer
        /// Biases [rows][columns / groupSize].
        package let biases: UnsafeRawPointer
        /// The type of scales and biases.
        package let scaleElement: ouro_element
        /// Bits of a code: 4 or 8.
        package let bits: Int
        /// Number of inputs that share a scale and a bias.
        package let groupSize: Int

        package init(
            words: UnsafeRawPointer, scales: UnsafeRawPointer, biases: UnsafeRawPointer, scaleElement: ouro_element,
            bits: Int, groupSize: Int
        ) {
            self.words = words
            self.scales = scales
            self.biases = biases
            self.scaleElement = scaleElement
            self.bits = bits
            self.groupSize = groupSize
        }
    }

    package let storage: Storage
    package let rows: Int
    package let columns: Int

    package init(storage: Storage, rows: Int, columns: Int) {
        self.storage = storage
        self.rows = rows
        self.columns = columns
    }

    /// The format of a packed matrix of this weight.
    package var format: MatrixFormat {
        switch storage {
        case .values(_, let element): .values(element)
        case .groups(let groups):
            .groups(bits: groups.bits, groupSize: groups.groupSize, scaleElement: groups.scaleElement)
        }
    }

    /// Writes the values of one row as f32.
    package func write(row: Int, to out: UnsafeMutablePointer<Float>, kernels: Kernels) {
        assert(row >= 0 && row < rows)
        switch storage {
        case .values(let bytes, let element):
            kernels.table.widen(element, bytes + row * columns * element.byteCount, columns, out)
        case .groups(let groups):
            let wordsPerRow = columns * groups.bits / 32
            let groupsPerRow = columns / groups.groupSize
            let size = groups.scaleElement.byteCount
            var (scale, bias): (Float, Float) = (0, 0)
            let (perWord, mask) = (32 / groups.bits, UInt32(1) << groups.bits - 1)
            for column in 0..<columns {
                if column % groups.groupSize == 0 {
                    let offset = (row * groupsPerRow + column / groups.groupSize) * size
                    kernels.table.widen(groups.scaleElement, groups.scales + offset, 1, &scale)
                    kernels.table.widen(groups.scaleElement, groups.biases + offset, 1, &bias)
                }
                let word = groups.words.loadUnaligned(
                    fromByteOffset: (row * wordsPerRow + column / perWord) * 4, as: UInt32.self)
                out[column] = scale * Float(word >> (column % perWord * groups.bits) & mask) + bias
            }
        }
    }
}
