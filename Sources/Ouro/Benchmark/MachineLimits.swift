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

    /// Bytes per second read from `areas`, each a pointer and a size.
    func bandwidth(_ areas: [(base: UnsafeRawPointer, byteCount: Int)]) -> Double {
        let block = 1 << 20
        var blocks: [(UnsafeRawPointer, Int)] = []
        for area in areas {
            for start in stride(from: 0, to: area.byteCount / 4096 * 4096, by: block) {
                blocks.append((area.base + start, min(block, area.byteCount / 4096 * 4096 - start)))
            }
        }
        let bytes = blocks.reduce(0) { $0 + $1.1 }
        let seconds = Self.time {
            pool.forEach(blocks.count) { [kernels] item, _ in
                keep(Float(kernels.table.read_probe(blocks[item].0, blocks[item].1)))
            }
        }
        return Double(bytes) / seconds
    }

    package static func time(_ body: () -> Void) -> Double {
        let start = ContinuousClock.now
        body()
        return (ContinuousClock.now - start) / .seconds(1)
    }
}

/// Makes the compiler believe that a result is needed.
@inline(never) private func keep(_ value: Float) {}
