import Foundation

/// What this process may use of the machine it runs on.
///
/// On Linux the limits of its control groups count, so a container is taken for what it may use, not for its host.
package struct Machine: Sendable {
    package static let current = Machine()

    /// The environment variables of this process.
    package static var environment: [String: String] { ProcessInfo.processInfo.environment }

    private let root: URL

    /// - Parameter root: the folder in place of `/`, for tests.
    init(root: URL = URL(fileURLWithPath: "/")) { self.root = root }

    /// Memory that could be had now without swapping, in bytes.
    package var availableMemory: Int {
        let own = ControlGroups(root: root).availableMemory
        return min(own ?? .max, freeMemory ?? Int(clamping: ProcessInfo.processInfo.physicalMemory / 2))
    }

    /// Processors this process may run on, at least one.
    package var processorCount: Int { granted(of: processors.count) }

    /// Physical cores this process may run on, at least one: the default number of threads of a pass, because a second thread
    /// on a core has no multipliers of its own.
    package var coreCount: Int {
        var cores: Set<String> = []
        for processor in processors {
            let topology = "sys/devices/system/cpu/cpu\(processor)/topology/thread_siblings_list"
            guard let siblings = text(topology) else { return processorCount }
            cores.insert(siblings)
        }
        return granted(of: cores.count)
    }

    /// Part of a processor's time is not worth a thread: the threads of a pass work in step, and all wait for one that may
    /// not run.
    private func granted(of count: Int) -> Int {
        let quota = ControlGroups(root: root).processorQuota ?? .infinity
        return max(1, Int(min(Double(count), quota)))
    }

    /// Numbers of the processors that the scheduler may give this process.
    private var processors: [Int] {
        let list = text("proc/self/status")?.split(separator: "\n").first { $0.hasPrefix("Cpus_allowed_list:") }?
            .split(separator: ":").last
        let found = list.map { Self.numbers(in: $0) } ?? []
        return found.isEmpty ? Array(0..<ProcessInfo.processInfo.activeProcessorCount) : found
    }

    /// The numbers of a list as in `0-3,8`.
    private static func numbers(in list: Substring) -> [Int] {
        list.split(separator: ",").flatMap { part -> [Int] in
            let ends = part.split(separator: "-").compactMap { Int($0.trimmingCharacters(in: .whitespaces)) }
            guard let first = ends.first, let last = ends.last, first >= 0, last < 1 << 16 else { return [] }
            return Array(first...max(first, last))
        }
    }

    /// What the kernel says the whole machine could give, in bytes.
    private var freeMemory: Int? {
        text("proc/meminfo")?.split(separator: "\n").first { $0.hasPrefix("MemAvailable:") }?
            .split(separator: " ").dropFirst().first.flatMap { Int($0) }.map { $0 << 10 }
    }

    private func text(_ path: String) -> String? {
        try? String(contentsOf: root.appendingPathComponent(path), encoding: .utf8)
    }
}
