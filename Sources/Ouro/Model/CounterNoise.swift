/// Random numbers that are a pure function of (seed, position, token): the counter-based generator Philox 4x32-10
/// (Salmon et al., "Parallel random numbers: as easy as 1, 2, 3", 2011).
///
/// Whatever runs beside a request, and in whatever order its rows are computed, a token meets the same noise.
struct CounterNoise: Sendable {
    let seed: UInt64

    /// Uniform in the open interval (0, 1).
    func uniform(position: Int, token: Int) -> Double {
        var counter: (UInt32, UInt32, UInt32, UInt32) = (
            UInt32(truncatingIfNeeded: token), UInt32(truncatingIfNeeded: position),
            UInt32(truncatingIfNeeded: position >> 32), 0
        )
        var key = (UInt32(truncatingIfNeeded: seed), UInt32(truncatingIfNeeded: seed >> 32))
        for _ in 0..<10 {
            let a = UInt64(counter.0) * 0xD251_1F53
            let b = UInt64(counter.2) * 0xCD9E_8D57
            counter = (
                UInt32(truncatingIfNeeded: b >> 32) ^ counter.1 ^ key.0, UInt32(truncatingIfNeeded: b),
                UInt32(truncatingIfNeeded: a >> 32) ^ counter.3 ^ key.1, UInt32(truncatingIfNeeded: a)
            )
            key = (key.0 &+ 0x9E37_79B9, key.1 &+ 0xBB67_AE85)
        }
        let bits = UInt64(counter.0) << 21 ^ UInt64(counter.1) >> 11
        return (Double(bits) + 0.5) * 0x1p-53
    }
}
