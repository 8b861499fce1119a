import OuroKernels

/// Where one weight of a checkpoint lies: `rows` rows of `columns` values, row after row.
package struct WeightSource {
    /// How the values are stored.
    package enum Storage {
        case values(UnsafeRawPointer, ouro_element)
        /// MLX's affine groups: `scale * q + bias`, `q` packed into words of 32 bits, low bits first.
        case groups(AffineGroups)
    }

    package struct AffineGroups {
        package let words: UnsafeRawPointer
        package let scales: UnsafeRawPointer
        package let biases: UnsafeRawPointer
        package let scaleElement: ouro_element
        package let bits: Int
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

    /// What a matrix of this weight's values would be packed as.
    package var format: MatrixFormat {
        switch storage {
        case .values(_, let element): .values(element)
        case .groups(let groups):
            .groups(bits: groups.bits, groupSize: groups.groupSize, scaleElement: groups.scaleElement)
        }
    }

    /// Writes one row's values as f32.
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

extension ouro_element {
    package var byteCount: Int { self == OURO_F32 ? 4 : 2 }
}
