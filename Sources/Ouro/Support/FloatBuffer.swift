import Foundation

/// Owned raw memory, aligned to a cache line.
///
/// The one place where this library allocates memory by hand. Running out of it ends the process, so whoever allocates what a
/// request, an option or a file decides refuses first what does not fit. Not thread-safe by itself: the inference thread owns it, and
/// worker threads write disjoint parts of it inside a parallel region.
package final class AlignedMemory: @unchecked Sendable {
    package let base: UnsafeMutableRawPointer
    package let byteCount: Int

    /// Large areas ask for huge pages, which makes touching them for the first time several times cheaper.
    ///
    /// - Parameters:
    ///   - clears: whether the memory starts as zeros; whoever writes all of it can do without.
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

/// Rows of f32 values in owned memory: `rows` times `columns`, each row starting at a multiple of `stride`.
///
/// The stride is a whole number of panels plus one, so that kernels may write whole panels and rows of the same column do
/// not fall into the same cache set.
package struct FloatRows {
    package let rows: Int
    package let columns: Int
    package let stride: Int
    private let memory: AlignedMemory

    package init(rows: Int, columns: Int) {
        self.rows = rows
        self.columns = columns
        stride = (columns + 15) / 16 * 16 + 16
        memory = AlignedMemory(byteCount: rows * stride * MemoryLayout<Float>.stride)
    }

    /// The start of a row; valid as long as this value lives.
    package func row(_ index: Int) -> UnsafeMutablePointer<Float> {
        assert(index >= 0 && index < max(rows, 1), "row \(index) of \(rows)")
        return memory.base.assumingMemoryBound(to: Float.self) + index * stride
    }

    /// The rows without their owner, for threads that share them: they would contend for its reference count. Valid as long
    /// as this value lives.
    package var view: View { View(base: row(0), stride: stride) }

    package struct View: BitwiseCopyable {
        fileprivate let base: UnsafeMutablePointer<Float>
        package let stride: Int

        package func row(_ index: Int) -> UnsafeMutablePointer<Float> { base + index * stride }
    }

    /// A row's values, copied.
    package func values(_ index: Int) -> [Float] {
        Array(UnsafeBufferPointer(start: row(index), count: columns))
    }
}
