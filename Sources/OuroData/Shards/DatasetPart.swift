/// The two parts of a data set: training and validation.
public enum DatasetPart: String, Sendable, CaseIterable {
    /// What a model is trained on.
    case train
    /// What it is validated with.
    case valid
}
