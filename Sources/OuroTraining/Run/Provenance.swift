import Ouro

/// The software that computed the steps of a training. Equal provenance gives bit-identical steps.
struct Provenance: Equatable {
    /// Name of the kernels' instruction set.
    var kernels: String
    /// Version of this package.
    var version: String

    init(_ compute: Compute) {
        kernels = compute.kernels.name
        version = PackageVersion.current
    }

    /// Reads the provenance from a checkpoint's metadata; nil if it has none.
    init?(_ metadata: ExactDictionary<String>) {
        guard let kernels = metadata["kernels"], let version = metadata["version"] else { return nil }
        (self.kernels, self.version) = (kernels, version)
    }

    var metadata: [String: String] { ["kernels": kernels, "version": version] }

    /// A note for the user who resumes a checkpoint of `old` with `new`; nil if the result stays bit-identical.
    static func note(from old: Provenance?, to new: Provenance, step: Int) -> String? {
        guard old != new else { return nil }
        let before = old.map { "\($0.kernels) kernels of version \($0.version)" } ?? "an unknown version"
        var text =
            "step \(step) was computed by \(before), the next by \(new.kernels) kernels of version \(new.version); the "
            + "result will not be that of an uninterrupted training bit for bit"
        if let old, old.kernels != new.kernels { text += " (OURO_ISA=\(old.kernels) selects the former kernels)" }
        return text
    }
}
