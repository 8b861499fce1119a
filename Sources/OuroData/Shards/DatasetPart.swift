/// The two parts of a data set.
public enum DatasetPart: String, Sendable, CaseIterable {
    /// What a model is trained on.
    case train
    /// What it is validated with.
    case valid
}
