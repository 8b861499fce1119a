/// Hashes that stay the same in every run, on every machine and in every version: data depends on them.
package enum StableHash {
    /// Spreads the bits of a word (the finaliser of SplitMix64); a bijection.
    package static func mix(_ word: UInt64) -> UInt64 {
        var z = word
        z = (z ^ (z >> 30)) &* 0xBF58_476D_1CE4_E5B9
        z = (z ^ (z >> 27)) &* 0x94D0_49BB_1331_11EB
        return z ^ (z >> 31)
    }

    /// FNV-1a over the text's UTF-8, mixed.
    package static func of(_ text: String) -> UInt64 {
        var hash: UInt64 = 0xCBF2_9CE4_8422_2325
        for byte in text.utf8 { hash = (hash ^ UInt64(byte)) &* 0x0000_0100_0000_01B3 }
        return mix(hash)
    }

    /// One word of several, in their order.
    package static func combine(_ words: UInt64...) -> UInt64 {
        words.reduce(0x9E37_79B9_7F4A_7C15) { mix($0 ^ $1) &+ 0x9E37_79B9_7F4A_7C15 }
    }
}
