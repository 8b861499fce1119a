import Ouro

/// Hash functions that the data depends on. Their results never change, on any machine or in any version.
package enum StableHash {
    /// The hash of a text: FNV-1a, followed by a bit mixer.
    package static func of(_ text: String) -> UInt64 { SplitMix64.mix(FNV1a.of(text)) }

    /// The hash of several words, which depends on their order.
    package static func combine(_ words: UInt64...) -> UInt64 {
        words.reduce(SplitMix64.increment) { SplitMix64.mix($0 ^ $1) &+ SplitMix64.increment }
    }
}
