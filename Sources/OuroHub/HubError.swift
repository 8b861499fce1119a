import Ouro

extension OuroError.Code {
    /// A model could not be downloaded. The network, the access or the model's name failed, or the data was damaged.
    public static let failedDownload = OuroError.Code(rawValue: "failedDownload")
}
