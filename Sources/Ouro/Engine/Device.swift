/// The kinds of hardware that can run a model.
public enum Device: String, Sendable, CaseIterable {
    /// The best device of this machine. Today that is always the processor.
    case auto
    /// The processor.
    case cpu
}
