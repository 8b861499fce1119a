import ArgumentParser

/// An amount of memory: a number with a suffix, as in `512MiB` or `1.5GiB`. A number without a suffix means bytes.
struct ByteCount: ExpressibleByArgument {
    let bytes: Int

    private static let suffixes: [(name: String, factor: Double)] = [
        ("kib", 0x1p10), ("mib", 0x1p20), ("gib", 0x1p30), ("tib", 0x1p40),
        ("kb", 1e3), ("mb", 1e6), ("gb", 1e9), ("tb", 1e12), ("b", 1),
    ]

    init?(argument: String) {
        let text = argument.lowercased()
        let suffix = Self.suffixes.first { text.hasSuffix($0.name) }
        let digits = text.dropLast(suffix?.name.count ?? 0)
        guard let first = digits.first, first.isNumber, let number = Double(digits),
            let bytes = Int(exactly: (number * (suffix?.factor ?? 1)).rounded(.down))
        else { return nil }
        self.bytes = bytes
    }
}
