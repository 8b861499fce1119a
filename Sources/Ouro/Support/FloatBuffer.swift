import Foundation

/// Owned raw memory, aligned to a cache line.
///
/// Only this type allocates memory by hand. The process ends if the allocation fails. Code that allocates a size given
/// by a request, an option or a file must therefore check the size first.
///
/// The type does not synchronise accesses. The inference thread owns the memory. Inside a parallel region, worker
/// threads write disjoint parts of it.
package final class AlignedMemory: @unchecked Sendable {
    /// The first byte.
    package let base: UnsafeMutableRawPointer
    /// Size in bytes.
    package let byteCount: Int

    /// Allocates memory. Allocations from 2 MiB on request huge pages, which makes the first access several times
    /// cheaper.
    ///
    /// - Parameters:
    ///   - byteCount: size in bytes.
    ///   - clears: whether to fill the memory with zeros. A caller that writes every byte can pass false.
    package init(byteCount: Int, clears: Bool = true) {
        self.byteCount = byteCount
        let alignment = byteCount >= 2 << 20 ? 2 << 20 : 64
        var pointer: UnsafeMutableRawPointer?
        let size = max(byteCount, 64)
        guard posix_memalign(&pointer, alignment, size) == 0, let pointer else {
            fatalError("out of memory: \(byteCount) bytes")
        }
        #if os(Linux)
            if alignment > 64 { _ = madvise(pointer, size, MADV_HUGEPAGE) }
        #endif
        if clears { memset(pointer, 0, size) }
        base = pointer
    }

    deinit { free(base) }
}

/// Rows of f32 values in owned memory: `rows` rows of `columns` values. Each row starts at a multiple of `stride`.
///
/// The stride is `columns` rounded up to whole panels, plus one panel. Kernels may therefore write whole panels. The
/// extra panel keeps the same column of different rows out of one cache set.
package struct FloatRows {
    /// Number of rows.
    package let rows: Int
    /// Values of a row.
    package let columns: Int
    /// Distance between the starts of two rows, in values.
    package let stride: Int
    private let memory: AlignedMemory

    /// Allocates rows of zeros.
    package init(rows: Int, columns: Int) {
        self.rows = rows
        self.columns = columns
        stride = (columns + 15) / 16 * 16 + 16
        memory = AlignedMemory(byteCount: rows * stride * MemoryLayout<Float>.stride)
    }

    /// The start of a row. Valid while this value lives.
    package func row(_ index: Int) -> UnsafeMutablePointer<Float> {
        assert(index >= 0 && index < max(rows, 1), "row \(index) of \(rows)")
        return memory.base.assumingMemoryBound(to: Float.self) + index * stride
    }

    /// The rows without a reference to their owner. Valid while this value lives.
    ///
    /// Threads share this view, because copies of the owner's reference would contend for its reference count.
    package var view: View { View(base: row(0), stride: stride) }

    /// Rows that another value owns.
    package struct View: BitwiseCopyable {
        fileprivate let base: UnsafeMutablePointer<Float>
        /// Distance between the starts of two rows, in values.
        package let stride: Int

        /// The start of a row.
        package func row(_ index: Int) -> UnsafeMutablePointer<Float> { base + index * stride }
    }

    /// A copy of a row's values.
    package func values(_ index: Int) -> [Float] {
        Array(UnsafeBufferPointer(start: row(index), count: columns))
    }
}
