import Foundation

/// The bytes of a file, read-only. They are either mapped and read at the first access, or read into memory at once.
///
/// A mapped file must not become shorter while it is in use: an access to a missing page kills the process (SIGBUS).
/// `bytes(_:)` checks the size of the file and throws, but cannot know of later changes. Operators who replace files
/// under a running engine should therefore read them into memory (`--no-mmap`).
package final class MappedFile: @unchecked Sendable {
    /// The open file.
    package let file: OpenFile
    let isMapped: Bool
    private let base: UnsafeMutableRawPointer?

    /// Maps or reads a file.
    ///
    /// - Throws: ``OuroError`` with code `unreadableFile`, or with `memoryExceeded` if the file is to be read and is
    ///   larger than the available memory.
    package init(_ file: OpenFile, mapped: Bool) throws(OuroError) {
        self.file = file
        isMapped = mapped
        guard file.byteCount > 0 else {
            base = nil
            return
        }
        if !mapped {
            let available = Machine.current.availableMemory
            guard file.byteCount <= available else {
                throw OuroError(
                    .memoryExceeded, file: file.path,
                    "reading the file takes \(file.byteCount) bytes of memory, of which \(available) are available; "
                        + "leave out --no-mmap to map it")
            }
        }
        let memory =
            mapped
            ? mmap(nil, file.byteCount, PROT_READ, MAP_PRIVATE, file.descriptor, 0)
            : mmap(nil, file.byteCount, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANON, -1, 0)
        guard let memory, memory != MAP_FAILED else {
            throw OuroError(
                mapped ? .unreadableFile : .memoryExceeded, file: file.path,
                "cannot allocate \(file.byteCount) bytes of address space: \(String(cString: strerror(errno)))")
        }
        base = memory
        if !mapped {
            let buffer = UnsafeMutableRawBufferPointer(start: memory, count: file.byteCount)
            if let failure = file.fill(buffer, from: 0) { throw failure }
        }
    }

    deinit {
        if let base { munmap(base, file.byteCount) }
    }

    /// A part of the file. Valid while this value lives. The bytes may be unaligned.
    ///
    /// - Throws: ``OuroError`` with code `unreadableFile` if the file has become shorter.
    package func bytes(_ range: Range<Int>) throws(OuroError) -> UnsafeRawBufferPointer {
        precondition(range.lowerBound >= 0 && range.upperBound <= file.byteCount, "\(range) of \(file.byteCount) bytes")
        if isMapped { try file.checkSize() }
        return UnsafeRawBufferPointer(start: base.map { $0 + range.lowerBound }, count: range.count)
    }

    /// Tells the system to prefetch a part of the file.
    func prefetch(_ range: Range<Int>) {
        guard isMapped, let base, !range.isEmpty else { return }
        let start = range.lowerBound / Self.pageSize * Self.pageSize
        _ = madvise(base + start, range.upperBound - start, MADV_WILLNEED)
    }

    /// Releases the memory of the whole pages in a part of the file. The system reads them again at the next access.
    func release(_ range: Range<Int>) {
        guard isMapped, let base else { return }
        let start = (range.lowerBound + Self.pageSize - 1) / Self.pageSize * Self.pageSize
        let end = range.upperBound / Self.pageSize * Self.pageSize
        if start < end { _ = madvise(base + start, end - start, MADV_DONTNEED) }
    }

    private static let pageSize = Int(getpagesize())
}
