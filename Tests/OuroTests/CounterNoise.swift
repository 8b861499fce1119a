/// Random numbers as a pure function of (seed, position, token). The generator is the counter-based Philox 4x32-10
/// (Salmon et al., "Parallel random numbers: as easy as 1, 2, 3", 2011).
///
/// A token gets the same noise whatever other requests run, and in whatever order rows are computed.
struct CounterNoise: Sendable {
    let seed: UInt64

    /// A number from the open interval (0, 1), uniformly distributed.
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
