import Ouro

/// Hashes that data depends on. They are the same in every run, on every machine and in every version.
package enum StableHash {
    /// The hash of a text: FNV-1a with its bits spread.
    package static func of(_ text: String) -> UInt64 { SplitMix64.mix(FNV1a.of(text)) }

    /// The hash of several words, which depends on their order.
    package static func combine(_ words: UInt64...) -> UInt64 {
        words.reduce(SplitMix64.increment) { SplitMix64.mix($0 ^ $1) &+ SplitMix64.increment }
    }
}
