import Ouro

extension OuroError.Code {
    /// A model could not be downloaded. The network failed, access was denied, the name is unknown, or the data was damaged.
    public static let failedDownload = OuroError.Code(rawValue: "failedDownload")
}
