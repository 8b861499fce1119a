/// The two parts of a data set: training and validation.
public enum DatasetPart: String, Sendable, CaseIterable {
    /// The documents to train on.
    case train
    /// The documents for validation.
    case valid
}
