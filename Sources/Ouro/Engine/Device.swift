/// The kinds of hardware that can run a model.
public enum Device: String, Sendable, CaseIterable {
    /// The best device of this machine. Today that is always the processor.
    case auto
    /// The processor.
    case cpu

    /// Kind and instruction set of the device that an engine would use on this machine: `cpu:avx512`.
    ///
    /// - Throws: ``OuroError`` with code `unsupported` if `OURO_ISA` names an instruction set that the machine lacks.
    public func resolvedName() throws(OuroError) -> String { CPUDevice.name(of: try Kernels.select(nil)) }
}
