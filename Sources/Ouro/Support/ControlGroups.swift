import Foundation

/// Reads the limits of a container or service: the control groups (cgroups) of a Linux process, versions 1 and 2.
///
/// Groups are nested. The process's own group and every group above it may have a limit. A file that is missing or
/// malformed means that there is no limit.
struct ControlGroups {
    private let root: URL

    /// - Parameter root: the folder to read instead of `/`.
    init(root: URL) { self.root = root }

    /// Bytes of memory that the tightest group still allows; nil without a limit.
    ///
    /// File pages in the kernel's inactive list count as free, because the kernel reclaims them first.
    var availableMemory: Int? {
        let hierarchy = hierarchy(of: "memory")
        return hierarchy.folders.compactMap { folder -> Int? in
            let names = hierarchy.isUnified ? ["memory.max", "memory.high"] : ["memory.limit_in_bytes"]
            guard let limit = names.compactMap({ number(folder, $0) }).min() else { return nil }
            let used = number(folder, hierarchy.isUnified ? "memory.current" : "memory.usage_in_bytes") ?? 0
            let droppable = statistic(folder, hierarchy.isUnified ? "inactive_file" : "total_inactive_file") ?? 0
            return max(0, limit - max(0, used - droppable))
        }.min()
    }

    /// Processor time that the tightest group allows, in processors; nil without a limit.
    var processorQuota: Double? {
        let hierarchy = hierarchy(of: "cpu")
        return hierarchy.folders.compactMap { folder -> Double? in
            let values: [Int?]
            if hierarchy.isUnified {
                values = text(folder, "cpu.max")?.split(separator: " ").map { Int($0) } ?? []
            } else {
                values = [number(folder, "cpu.cfs_quota_us"), number(folder, "cpu.cfs_period_us")]
            }
            guard values.count == 2, let quota = values[0], let period = values[1], quota > 0, period > 0 else {
                return nil
            }
            return Double(quota) / Double(period)
        }.min()
    }

    /// The folders of the process's groups, innermost first, and whether they belong to cgroups version 2.
    private func hierarchy(of controller: String) -> (folders: [URL], isUnified: Bool) {
        let memberships = lines("proc/self/cgroup").map {
            $0.split(separator: ":", maxSplits: 2, omittingEmptySubsequences: false)
        }
        func path(where matches: (_ number: Substring, _ controllers: Substring) -> Bool) -> String? {
            memberships.first { $0.count == 3 && matches($0[0], $0[1]) }.map { String($0[2]) }
        }
        let mounts = lines("proc/self/mountinfo").compactMap(Mount.init)
        if let path = path(where: { $1.split(separator: ",").contains(Substring(controller)) }),
            let mount = mounts.first(where: { $0.type == "cgroup" && $0.options.contains(controller) })
        {
            return (folders(mount, path), false)
        }
        if let path = path(where: { $0 == "0" && $1.isEmpty }),
            let mount = mounts.first(where: { $0.type == "cgroup2" })
        {
            return (folders(mount, path), true)
        }
        return ([], true)
    }

    /// The folder of a group and the folders above it, as far as the mount shows them.
    private func folders(_ mount: Mount, _ path: String) -> [URL] {
        var visible = path.split(separator: "/")
        let hidden = mount.root.split(separator: "/")
        // In a container, the mount may begin at the container's own group. Groups outside that cannot be seen.
        visible = visible.starts(with: hidden) && !visible.contains("..") ? Array(visible.dropFirst(hidden.count)) : []
        let top = root.appendingPathComponent(mount.point)
        return (0...visible.count).reversed().map { depth in
            visible.prefix(depth).reduce(top) { $0.appendingPathComponent(String($1)) }
        }
    }

    /// A line of `/proc/self/mountinfo`: `ID PARENT DEVICE ROOT POINT OPTIONS ... - TYPE SOURCE OPTIONS`.
    private struct Mount {
        let root: String
        let point: String
        let type: String
        let options: [String]

        init?(_ line: Substring) {
            let fields = line.split(separator: " ")
            guard let dash = fields.firstIndex(of: "-"), dash >= 6, fields.count > dash + 3 else { return nil }
            root = Self.unescaped(fields[3])
            point = Self.unescaped(fields[4])
            type = String(fields[dash + 1])
            options = fields[dash + 3].split(separator: ",").map(String.init)
        }

        /// Replaces `\040`, which stands for a space.
        private static func unescaped(_ text: Substring) -> String {
            text.replacingOccurrences(of: "\\040", with: " ")
        }
    }

    private func lines(_ path: String) -> [Substring] {
        (try? String(contentsOf: root.appendingPathComponent(path), encoding: .utf8))?.split(separator: "\n") ?? []
    }

    private func text(_ folder: URL, _ name: String) -> String? {
        (try? String(contentsOf: folder.appendingPathComponent(name), encoding: .utf8))?
            .trimmingCharacters(in: .whitespacesAndNewlines)
    }

    private func number(_ folder: URL, _ name: String) -> Int? { text(folder, name).flatMap { Int($0) } }

    private func statistic(_ folder: URL, _ name: String) -> Int? {
        text(folder, "memory.stat")?.split(separator: "\n").first { $0.hasPrefix(name + " ") }?
            .split(separator: " ").last.flatMap { Int($0) }
    }
}
