import Ouro

/// Random numbers from a normal distribution with mean 0 and deviation 1.
///
/// They are sums of uniform numbers, without transcendental functions. So they are the same on every machine.
struct NormalNoise {
    private var generator: SplitMix64

    init(seed: UInt64, stream: UInt64) { generator = SplitMix64(seed: seed, stream: stream) }

    /// The sum of twelve uniform numbers from 0 to 1, minus 6. Its largest magnitude is 6, so there are no outliers
    /// among initial weights.
    mutating func next() -> Float {
        var sum: Int64 = 0
        for _ in 0..<6 {
            let bits = generator.next()
            sum += Int64(bits >> 40) + Int64(bits & 0xFF_FFFF)
        }
        return Float(Double(sum) / 0x1p24 - 6)
    }
}

/// Uniform random numbers from -1 to 1.
struct UniformNoise {
    private var generator: SplitMix64

    init(seed: UInt64, stream: UInt64) { generator = SplitMix64(seed: seed, stream: stream) }

    mutating func next() -> Float { Float(Double(generator.next() >> 40) / 0x1p23 - 1) }
}

extension SplitMix64 {
    /// A generator for one of many independent streams of the same seed.
    fileprivate init(seed: UInt64, stream: UInt64) {
        self.init(state: seed &* Self.increment ^ (stream &+ 1) &* 0xD1B5_4A32_D192_ED03)
    }
}
