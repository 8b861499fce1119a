/// The two parts of a data set.
public enum DatasetPart: String, Sendable, CaseIterable {
    case train, valid
}
