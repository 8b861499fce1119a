import Foundation

/// The memory and processors that this process may use.
///
/// On Linux, the limits of the process's control groups count. In a container, the values are those of the container
/// and not of its host.
package struct Machine: Sendable {
    /// The machine that the process runs on.
    package static let current = Machine()

    /// The environment variables of this process.
    package static var environment: [String: String] { ProcessInfo.processInfo.environment }

    private let root: URL

    /// - Parameter root: the folder to read instead of `/`. Tests set it.
    init(root: URL = URL(fileURLWithPath: "/")) { self.root = root }

    /// Bytes of memory that the process can allocate now without swapping.
    package var availableMemory: Int {
        let own = ControlGroups(root: root).availableMemory
        return min(own ?? .max, freeMemory ?? Int(clamping: ProcessInfo.processInfo.physicalMemory / 2))
    }

    /// Bytes of memory that the process occupies. 0 if the system does not tell.
    package var residentMemory: Int {
        let pages = text("proc/self/statm")?.split(separator: " ").dropFirst().first.flatMap { Int($0) } ?? 0
        return pages * Int(sysconf(Int32(_SC_PAGESIZE)))
    }

    /// Seconds of processor time that the process has used.
    package static var processorTime: Double {
        var time = timespec()
        clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &time)
        return Double(time.tv_sec) + Double(time.tv_nsec) / 1e9
    }

    /// Makes the allocator of Linux give large blocks back to the system as soon as they are freed.
    ///
    /// Otherwise it raises the size of what it counts as large with every such block, up to 32 MiB.
    package static func returnLargeBlocks() {
        #if canImport(Glibc)
            typealias Option = @convention(c) (Int32, Int32) -> Int32
            guard let symbol = dlsym(nil, "mallopt") else { return }
            let mmapThreshold: Int32 = -3
            _ = unsafeBitCast(symbol, to: Option.self)(mmapThreshold, 512 << 10)
        #endif
    }

    /// Gives memory that was freed back to the system. The allocator of Linux keeps it otherwise.
    package static func releaseFreeMemory() {
        #if canImport(Glibc)
            typealias Trim = @convention(c) (Int) -> Int32
            guard let symbol = dlsym(nil, "malloc_trim") else { return }
            _ = unsafeBitCast(symbol, to: Trim.self)(0)
        #endif
    }

    /// Number of processors that this process may run on, at least 1.
    package var processorCount: Int { granted(of: processors.count) }

    /// Number of physical cores that this process may run on, at least 1.
    ///
    /// It is the default number of threads of a pass, because the two threads of a core share its multipliers.
    package var coreCount: Int {
        var cores: Set<String> = []
        for processor in processors {
            let topology = "sys/devices/system/cpu/cpu\(processor)/topology/thread_siblings_list"
            guard let siblings = text(topology) else { return processorCount }
            cores.insert(siblings)
        }
        return granted(of: cores.count)
    }

    /// The number of processors that a quota on processor time allows, rounded down.
    ///
    /// A fraction of a processor is not worth a thread: the threads of a pass work in step, so all wait for a thread
    /// that the quota stops.
    private func granted(of count: Int) -> Int {
        let quota = ControlGroups(root: root).processorQuota ?? .infinity
        return max(1, Int(min(Double(count), quota)))
    }

    /// The numbers of the processors that the operating system may run this process on.
    private var processors: [Int] {
        let list = text("proc/self/status")?.split(separator: "\n").first { $0.hasPrefix("Cpus_allowed_list:") }?
            .split(separator: ":").last
        let found = list.map { Self.numbers(in: $0) } ?? []
        return found.isEmpty ? Array(0..<ProcessInfo.processInfo.activeProcessorCount) : found
    }

    /// The numbers in a list such as `0-3,8`.
    private static func numbers(in list: Substring) -> [Int] {
        list.split(separator: ",").flatMap { part -> [Int] in
            let ends = part.split(separator: "-").compactMap { Int($0.trimmingCharacters(in: .whitespaces)) }
            guard let first = ends.first, let last = ends.last, first >= 0, last < 1 << 16 else { return [] }
            return Array(first...max(first, last))
        }
    }

    /// The kernel's estimate of the whole machine's available memory, in bytes.
    private var freeMemory: Int? {
        text("proc/meminfo")?.split(separator: "\n").first { $0.hasPrefix("MemAvailable:") }?
            .split(separator: " ").dropFirst().first.flatMap { Int($0) }.map { $0 << 10 }
    }

    private func text(_ path: String) -> String? {
        try? String(contentsOf: root.appendingPathComponent(path), encoding: .utf8)
    }
}
