import Ouro
import OuroKernels

/// What this machine can do at best, measured with the kernels' own instructions on the pool's own threads.
package struct MachineLimits {
    package let kernels: Kernels
    package let pool: WorkerPool

    package init(kernels: Kernels, pool: WorkerPool) {
        self.kernels = kernels
        self.pool = pool
    }

    /// 2^9 items, so that a thread that is held up costs little.
    private static let items = 512

    /// f32 operations per second; a fused multiply-add counts as two.
    package func multiplyAdds() -> Double {
        let steps = 20_000
        let seconds = Self.time {
            pool.forEach(Self.items) { [kernels] _, _ in keep(kernels.table.multiply_add_probe(steps)) }
        }
        return Double(Self.items * steps) * kernels.table.multiply_add_operations / seconds
    }

    /// Operations per second of dot products of 8-bit numbers; a multiply-add counts as two.
    func integerDots() -> Double {
        let steps = 20_000
        let seconds = Self.time {
            pool.forEach(Self.items) { [kernels] _, _ in keep(Float(kernels.table.integer_dot_probe(steps))) }
        }
        return Double(Self.items * steps) * kernels.table.integer_dot_operations / seconds
    }

    /// Bytes per second read from `areas`.
    func bandwidth(_ areas: [MemoryArea], _ reading: Reading) -> Double {
        var blocks: [MemoryArea] = []
        for area in areas {
            let byteCount = area.byteCount / 4096 * 4096
            for start in stride(from: 0, to: byteCount, by: reading.blockBytes) {
                blocks.append((area.base + start, min(reading.blockBytes, byteCount - start)))
            }
        }
        let bytes = blocks.reduce(0) { $0 + $1.byteCount }
        let seconds = Self.time {
            pool.forEach(blocks.count) { [kernels] item, _ in
                let (base, byteCount) = blocks[item]
                let sum = kernels.table.read_probe(base, byteCount, Int32(reading.streams), Int32(reading.asking))
                keep(Float(sum))
            }
        }
        return Double(bytes) / seconds
    }

    /// The way of reading that is fastest on this machine: processors differ in how many places they read ahead from, and
    /// for how long they must go on to be noticed.
    func fastestReading(of areas: [MemoryArea]) -> Reading {
        let share = areas.reduce(0) { $0 + $1.byteCount } / (16 * pool.threadCount)
        let long = max(1 << 20, min(share / 4096 * 4096, 16 << 20))
        let ways = (0..<3).flatMap { asking in
            [1, 4].flatMap { streams in
                [1 << 20, long].map { Reading(streams: streams, asking: asking, blockBytes: $0) }
            }
        }
        // In turn, so that a busy moment does not decide; the first turn touches the memory.
        var best = ways.map { _ in 0.0 }
        for _ in 0..<3 {
            for (index, way) in ways.enumerated() { best[index] = max(best[index], bandwidth(areas, way)) }
        }
        return ways[best.indices.max { best[$0] < best[$1] }!]
    }

    /// How threads read memory: each takes a block after another, as so many streams, asked for as `read_probe` says.
    struct Reading {
        let streams: Int
        let asking: Int
        let blockBytes: Int
    }

    package static func time(_ body: () -> Void) -> Double {
        let start = ContinuousClock.now
        body()
        return (ContinuousClock.now - start) / .seconds(1)
    }
}

typealias MemoryArea = (base: UnsafeRawPointer, byteCount: Int)

/// Makes the compiler believe that a result is needed.
@inline(never) private func keep(_ value: Float) {}
