import Foundation

/// The bytes of a file, read-only: mapped, so that they are read when they are touched, or read into memory at once.
///
/// A mapped file must not be cut short while it is in use: touching a page that is gone kills the process (SIGBUS).
/// ``bytes(_:)`` looks at the file's size again and throws, but cannot know what happens to the file afterwards. Whoever
/// replaces files under a running engine reads them into memory instead (`--no-mmap`).
package final class MappedFile: @unchecked Sendable {
    package let file: OpenFile
    let isMapped: Bool
    private let base: UnsafeMutableRawPointer?

    /// - Throws: ``OuroError`` with code `unreadableFile`, or `memoryExceeded` if the file is to be read and does not fit
    ///   into memory.
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
                "no room for \(file.byteCount) bytes: \(String(cString: strerror(errno)))")
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

    /// A part of the file; valid as long as this value lives. Nothing is known about its alignment.
    ///
    /// - Throws: ``OuroError`` with code `unreadableFile` if the file has been cut short since.
    package func bytes(_ range: Range<Int>) throws(OuroError) -> UnsafeRawBufferPointer {
        precondition(range.lowerBound >= 0 && range.upperBound <= file.byteCount, "\(range) of \(file.byteCount) bytes")
        if isMapped { try file.checkSize() }
        return UnsafeRawBufferPointer(start: base.map { $0 + range.lowerBound }, count: range.count)
    }

    /// Lets the system start reading a part of the file that is about to be used.
    func prefetch(_ range: Range<Int>) {
        guard isMapped, let base, !range.isEmpty else { return }
        let start = range.lowerBound / Self.pageSize * Self.pageSize
        _ = madvise(base + start, range.upperBound - start, MADV_WILLNEED)
    }

    /// Gives back the memory of the whole pages in a part of the file; touching them again reads them again.
    func release(_ range: Range<Int>) {
        guard isMapped, let base else { return }
        let start = (range.lowerBound + Self.pageSize - 1) / Self.pageSize * Self.pageSize
        let end = range.upperBound / Self.pageSize * Self.pageSize
        if start < end { _ = madvise(base + start, end - start, MADV_DONTNEED) }
    }

    private static let pageSize = Int(getpagesize())
}
