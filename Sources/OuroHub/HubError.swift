import Ouro

extension OuroError.Code {
    /// A model could not be downloaded: the network, the access or its name failed, or what came is damaged.
    public static let failedDownload = OuroError.Code(rawValue: "failedDownload")
}
