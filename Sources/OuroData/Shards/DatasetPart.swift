/// The two parts of a data set: training and validation.
public enum DatasetPart: String, Sendable, CaseIterable {
    /// The documents to train on, and the documents for validation.
    case train, valid
}
