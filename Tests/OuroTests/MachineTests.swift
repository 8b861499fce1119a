import Foundation
import Testing

@testable import Ouro

/// Tests how memory and processors are counted inside and outside containers. A folder takes the place of `/`.
@Suite struct MachineTests {
    private static let gibibyte = 1 << 30
    private static let unified = "30 20 0:26 / /sys/fs/cgroup rw,nosuid - cgroup2 cgroup2 rw,nsdelegate\n"

    /// Runs `body` with a machine of 16 GiB available memory and eight processors on four cores, and with these files.
    private static func with(_ files: [String: String], _ body: (Machine) throws -> Void) throws {
        let root = FileManager.default.temporaryDirectory.appendingPathComponent(UUID().uuidString)
        defer { try? FileManager.default.removeItem(at: root) }
        var all = [
            "proc/meminfo": "MemTotal:       33554432 kB\nMemAvailable:   16777216 kB\n",
            "proc/self/status": "Name:\tapp\nCpus_allowed_list:\t0-7\n",
        ]
        for processor in 0..<8 {
            all["sys/devices/system/cpu/cpu\(processor)/topology/thread_siblings_list"] =
                "\(processor % 4),\(processor % 4 + 4)\n"
        }
        for (path, text) in all.merging(files, uniquingKeysWith: { $1 }) {
            let url = root.appendingPathComponent(path)
            try FileManager.default.createDirectory(
                at: url.deletingLastPathComponent(), withIntermediateDirectories: true)
            try Data(text.utf8).write(to: url)
        }
        try body(Machine(root: root))
    }

    @Test func withoutGroupsTheMachineCounts() throws {
        try Self.with([:]) {
            #expect($0.availableMemory == 16 * Self.gibibyte)
            #expect($0.processorCount == 8)
            #expect($0.coreCount == 4)
        }
    }

    @Test func theTightestGroupOfVersion2Counts() throws {
        try Self.with([
            "proc/self/cgroup": "0::/pod/app\n", "proc/self/mountinfo": Self.unified,
            "sys/fs/cgroup/pod/memory.max": "\(4 * Self.gibibyte)\n",
            "sys/fs/cgroup/pod/memory.current": "\(3 * Self.gibibyte)\n",
            "sys/fs/cgroup/pod/memory.stat": "anon 1\ninactive_file \(Self.gibibyte / 2)\nactive_file 7\n",
            "sys/fs/cgroup/pod/cpu.max": "250000 100000\n",
            "sys/fs/cgroup/pod/app/memory.max": "max\n", "sys/fs/cgroup/pod/app/memory.current": "5\n",
            "sys/fs/cgroup/pod/app/cpu.max": "max 100000\n",
        ]) {
            #expect($0.availableMemory == Self.gibibyte * 3 / 2)
            #expect($0.processorCount == 2)
            #expect($0.coreCount == 2)
        }
    }

    @Test func theInnermostGroupOfVersion2Counts() throws {
        try Self.with([
            "proc/self/cgroup": "0::/pod/app\n", "proc/self/mountinfo": Self.unified,
            "sys/fs/cgroup/pod/memory.max": "\(8 * Self.gibibyte)\n",
            "sys/fs/cgroup/pod/memory.current": "0\n",
            "sys/fs/cgroup/pod/app/memory.max": "\(2 * Self.gibibyte)\n",
            "sys/fs/cgroup/pod/app/memory.high": "\(Self.gibibyte)\n",
            "sys/fs/cgroup/pod/app/memory.current": "\(Self.gibibyte / 4)\n",
            "sys/fs/cgroup/pod/app/cpu.max": "50000 100000\n",
        ]) {
            #expect($0.availableMemory == Self.gibibyte / 4 * 3)
            #expect($0.processorCount == 1, "half a processor is one thread")
        }
    }

    /// A container of cgroup version 1 without a cgroup namespace. The root of the mount is the container's group.
    @Test func groupsOfVersion1Count() throws {
        try Self.with([
            "proc/self/cgroup": "11:memory:/docker/abc\n4:cpu,cpuacct:/docker/abc\n1:name=systemd:/docker/abc\n0::/x\n",
            "proc/self/mountinfo": """
            50 40 0:30 /docker/abc /sys/fs/cgroup/memory ro,nosuid master:16 - cgroup cgroup rw,memory
            51 40 0:31 /docker/abc /sys/fs/cgroup/cpu,cpuacct ro,nosuid master:17 - cgroup cgroup rw,cpu,cpuacct

            """,
            "sys/fs/cgroup/memory/memory.limit_in_bytes": "\(3 * Self.gibibyte)\n",
            "sys/fs/cgroup/memory/memory.usage_in_bytes": "\(2 * Self.gibibyte)\n",
            "sys/fs/cgroup/memory/memory.stat": "inactive_file 1\ntotal_inactive_file \(Self.gibibyte)\n",
            "sys/fs/cgroup/cpu,cpuacct/cpu.cfs_quota_us": "300000\n",
            "sys/fs/cgroup/cpu,cpuacct/cpu.cfs_period_us": "100000\n",
        ]) {
            #expect($0.availableMemory == 2 * Self.gibibyte)
            #expect($0.processorCount == 3)
        }
    }

    @Test func groupsOfVersion1WithoutLimitsDoNotCount() throws {
        try Self.with([
            "proc/self/cgroup": "11:memory:/user\n4:cpu,cpuacct:/user\n",
            "proc/self/mountinfo": """
            50 40 0:30 / /sys/fs/cgroup/memory rw - cgroup cgroup rw,memory
            51 40 0:31 / /sys/fs/cgroup/cpu rw - cgroup cgroup rw,cpu,cpuacct

            """,
            "sys/fs/cgroup/memory/user/memory.limit_in_bytes": "9223372036854771712\n",
            "sys/fs/cgroup/memory/user/memory.usage_in_bytes": "\(2 * Self.gibibyte)\n",
            "sys/fs/cgroup/cpu/user/cpu.cfs_quota_us": "-1\n",
            "sys/fs/cgroup/cpu/user/cpu.cfs_period_us": "100000\n",
        ]) {
            #expect($0.availableMemory == 16 * Self.gibibyte)
            #expect($0.processorCount == 8)
        }
    }

    /// The group is outside the mount, so the limits at the mount's root count.
    @Test func aGroupThatCannotBeSeenIsTheMounts() throws {
        try Self.with([
            "proc/self/cgroup": "0::/../elsewhere\n", "proc/self/mountinfo": Self.unified,
            "sys/fs/cgroup/memory.max": "\(Self.gibibyte)\n", "sys/fs/cgroup/memory.current": "0\n",
        ]) { #expect($0.availableMemory == Self.gibibyte) }
    }

    @Test func moreThanTheLimitIsNothing() throws {
        try Self.with([
            "proc/self/cgroup": "0::/\n", "proc/self/mountinfo": Self.unified,
            "sys/fs/cgroup/memory.max": "\(Self.gibibyte)\n",
            "sys/fs/cgroup/memory.current": "\(2 * Self.gibibyte)\n",
        ]) { #expect($0.availableMemory == 0) }
    }

    @Test func processorsThatAreNotAllowedDoNotCount() throws {
        try Self.with(["proc/self/status": "Cpus_allowed_list:\t1,5-7\n"]) {
            #expect($0.processorCount == 4)
            #expect($0.coreCount == 3)
        }
    }

    @Test func filesThatMakeNoSenseAreNoLimits() throws {
        try Self.with([
            "proc/self/cgroup": "nonsense\n:::\n0::/a\n", "proc/self/mountinfo": "x y\n- -\n" + Self.unified,
            "sys/fs/cgroup/a/memory.max": "lots\n", "sys/fs/cgroup/a/cpu.max": "100000\n",
        ]) {
            #expect($0.availableMemory == 16 * Self.gibibyte)
            #expect($0.processorCount == 8)
        }
    }

    @Test func thisMachineHasSomeOfEach() {
        #expect(Machine.current.availableMemory > 0)
        #expect(Machine.current.processorCount >= Machine.current.coreCount)
        #expect(Machine.current.coreCount >= 1)
    }
}
