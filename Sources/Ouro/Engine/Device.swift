/// The kinds of hardware that can run a model.
public enum Device: String, Sendable, CaseIterable {
    /// The best device of this machine. Today this is always the CPU.
    case auto
    /// The CPU.
    case cpu

    /// The kind and instruction set of the device that an engine would use on this machine: `cpu:avx512`.
    ///
    /// - Throws: ``OuroError`` with code `unsupported` if `OURO_ISA` names an instruction set that the machine lacks.
    public func resolvedName() throws(OuroError) -> String { CPUDevice.name(of: try Kernels.select(nil)) }
}
