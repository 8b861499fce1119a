import Foundation

/// The fields of `config.json` and `generation_config.json`.
///
/// A member that is null counts as absent, as in the reference implementation. Members that no code reads are ignored.
/// `NaN` and `Infinity`, which Python writes, are errors only in a member that is read.
extension Fields {
    /// Most bytes that a configuration file may have. Published files have a few thousand.
    static let configurationLimit = 1 << 20

    /// Reads a configuration file.
    ///
    /// - Throws: ``OuroError`` with code `unreadableFile`, or with `invalidConfiguration` if the file is not a JSON
    ///   object.
    package static func configuration(contentsOf url: URL) throws(OuroError) -> Fields {
        let data = try LimitedFile.read(url, limit: configurationLimit, code: .invalidConfiguration)
        return try configuration(parsing: data, file: url.path)
    }

    static func configuration(parsing data: Data, file: String) throws(OuroError) -> Fields {
        try Fields(
            parsing: data, source: Source(code: .invalidConfiguration, file: file), limits: .pythonFile)
    }

    /// One token ID, or an array of token IDs.
    func tokens(_ name: String) throws(OuroError) -> [Int]? {
        guard case .array? = self[name] else { return try token(name).map { [$0] } }
        return try integers(name, 0...Int.max)
    }

    /// One token ID.
    func token(_ name: String) throws(OuroError) -> Int? { try integer(name, 0...Int.max) }
}
