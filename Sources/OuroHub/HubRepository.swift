import Ouro

/// The name of a model on a hub, with a revision.
public struct HubRepository: Sendable, Hashable {
    /// `ORG/NAME`.
    public let name: String
    /// A branch, a tag, a pull request's `refs/pr/1`, or the 40 hexadecimal digits of a commit.
    public let revision: String

    /// The default branch of a hub.
    public static let defaultRevision = "main"

    /// Checks and stores a name `ORG/NAME` and a revision.
    ///
    /// - Throws: `OuroError` with code `invalidRequest` for an invalid name or revision.
    public init(_ name: String, revision: String = defaultRevision) throws(OuroError) {
        let parts = name.split(separator: "/", omittingEmptySubsequences: false)
        guard parts.count == 2, parts.allSatisfy(Self.isName) else {
            throw OuroError(
                .invalidRequest, field: "model",
                "expected ORG/NAME with letters, digits, '-', '_' and '.', found '\(name.prefix(200))'")
        }
        guard Self.isRevision(revision) else {
            throw OuroError(
                .invalidRequest, field: "revision",
                "expected a branch, a tag or a commit, found '\(revision.prefix(200))'")
        }
        self.name = name
        self.revision = revision
    }

    /// Reads `ORG/NAME` or `ORG/NAME@REVISION`.
    ///
    /// - Throws: `OuroError` with code `invalidRequest`.
    public init(parsing text: String) throws(OuroError) {
        let parts = text.split(separator: "@", maxSplits: 1, omittingEmptySubsequences: false).map(String.init)
        try self.init(parts[0], revision: parts.count == 2 ? parts[1] : Self.defaultRevision)
    }

    /// The name of the model's folder in the cache.
    var folderName: String { "models--" + name.replacing("/", with: "--") }

    /// Whether a part of a name follows the hub's rules: only these characters, no doubled '-' or '.', and neither of them at
    /// an end. So `folderName` cannot lead out of the cache.
    private static func isName(_ part: Substring) -> Bool {
        !part.isEmpty && part.utf8.count <= 96 && part.utf8.allSatisfy { isWord($0) || $0 == UInt8(ascii: ".") }
            && !part.contains("--") && !part.contains("..") && part.first != "." && part.last != "."
            && part.first != "-" && part.last != "-"
    }

    private static func isRevision(_ text: String) -> Bool {
        let parts = text.split(separator: "/", omittingEmptySubsequences: false)
        return text.utf8.count <= 200
            && parts.allSatisfy { part in
                !part.isEmpty && part != "." && !part.contains("..") && part.first != "-"
                    && part.utf8.allSatisfy { isWord($0) || ".+@=".utf8.contains($0) }
            }
    }

    private static func isWord(_ byte: UInt8) -> Bool {
        switch byte {
        case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
            UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "-"), UInt8(ascii: "_"):
            true
        default: false
        }
    }
}

/// Whether the text is the 40 lowercase hexadecimal digits of a commit.
func isCommit(_ text: String) -> Bool { text.utf8.count == 40 && isHexadecimal(text) }

func isHexadecimal(_ text: String) -> Bool {
    text.utf8.allSatisfy { (0x30...0x39).contains($0) || (0x61...0x66).contains($0) }
}
