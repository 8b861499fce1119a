import Ouro
import OuroKernels

/// The limits of this machine for the instructions of one kernel variant and the threads of one pool.
package struct MachineLimits {
    package let kernels: Kernels
    package let pool: WorkerPool
    private let clock: BenchmarkClock

    package init(kernels: Kernels, pool: WorkerPool, clock: BenchmarkClock = .machine) {
        self.kernels = kernels
        self.pool = pool
        self.clock = clock
    }

    /// Work items of one measurement. There are many, so that a descheduled thread delays only a small part.
    private static let items = 512

    /// Peak f32 throughput in operations per second. A fused multiply-add counts as two.
    package func multiplyAdds() -> Double {
        let steps = 20_000
        let seconds = clock.seconds {
            pool.forEach(Self.items) { [kernels] _, _ in keep(kernels.probes.multiply_add(steps)) }
        }
        return Double(Self.items * steps) * kernels.probes.multiply_add_operations / seconds
    }

    /// Peak throughput of 8-bit dot products in operations per second. A multiply-add counts as two.
    func integerDots() -> Double {
        let steps = 20_000
        let seconds = clock.seconds {
            pool.forEach(Self.items) { [kernels] _, _ in keep(Float(kernels.probes.integer_dot(steps))) }
        }
        return Double(Self.items * steps) * kernels.probes.integer_dot_operations / seconds
    }

    /// Read bandwidth of some areas, in bytes per second.
    func bandwidth(_ areas: [MemoryArea], _ reading: Reading) -> Double {
        var blocks: [MemoryArea] = []
        for area in areas {
            let byteCount = area.byteCount / 4096 * 4096
            for start in stride(from: 0, to: byteCount, by: reading.blockBytes) {
                blocks.append((area.base + start, min(reading.blockBytes, byteCount - start)))
            }
        }
        let bytes = blocks.reduce(0) { $0 + $1.byteCount }
        let seconds = clock.seconds {
            pool.forEach(blocks.count) { [kernels] item, _ in
                let (base, byteCount) = blocks[item]
                let sum = kernels.probes.read(base, byteCount, Int32(reading.streams), reading.prefetch)
                keep(Float(sum))
            }
        }
        return Double(bytes) / seconds
    }

    /// The fastest access pattern on this machine.
    ///
    /// Processors differ in how many streams their prefetchers follow, and in how long a stream must be to be
    /// recognised.
    func fastestReading(of areas: [MemoryArea]) -> Reading {
        let share = areas.reduce(0) { $0 + $1.byteCount } / (16 * pool.threadCount)
        let long = max(1 << 20, min(share / 4096 * 4096, 16 << 20))
        let ways = [OURO_PREFETCH_T0, OURO_PREFETCH_NTA, OURO_PREFETCH_NONE].flatMap { prefetch in
            [1, 4].flatMap { streams in
                [1 << 20, long].map { Reading(streams: streams, prefetch: prefetch, blockBytes: $0) }
            }
        }
        // The patterns are measured alternately, so that a busy moment does not decide. The first round also maps the
        // memory.
        var best = ways.map { _ in 0.0 }
        for _ in 0..<3 {
            for (index, way) in ways.enumerated() { best[index] = max(best[index], bandwidth(areas, way)) }
        }
        return ways[best.indices.max { best[$0] < best[$1] }!]
    }

    /// An access pattern: blocks in sequence, each read as one or four streams, with a prefetch hint.
    struct Reading {
        let streams: Int
        let prefetch: ouro_prefetch
        let blockBytes: Int
    }
}

typealias MemoryArea = (base: UnsafeRawPointer, byteCount: Int)

/// Prevents the compiler from removing the computation of a value.
@inline(never) private func keep(_ value: Float) {}
