import Foundation
import OuroHubC
import Testing

@testable import OuroHub

/// Compares the hashes with published ones, and the selected SHA-256 with the portable one.
@Suite struct HashTests {
    private static let long = "abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq"

    // Examples from FIPS 180-4.
    @Test(arguments: [
        ("", "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"),
        ("abc", "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"),
        (long, "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1"),
        (
            String(repeating: "a", count: 1_000_000),
            "cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0"
        ),
    ])
    func sha256IsThatOfTheStandard(text: String, digest: String) {
        let bytes = Array(text.utf8)
        #expect(Self.sha256(bytes) == digest)
        #expect(Self.sha256(bytes, with: ouro_sha256_update_portable) == digest)
    }

    @Test(arguments: [
        ("", "da39a3ee5e6b4b0d3255bfef95601890afd80709"), ("abc", "a9993e364706816aba3e25717850c26c9cd0d89d"),
        (long, "84983e441c3bd26ebaae4aa1f95129e5e54670f1"),
        (String(repeating: "a", count: 1_000_000), "34aa973cd4c4daa4f61eeb2bdbad27316534016f"),
    ])
    func sha1IsThatOfTheStandard(text: String, digest: String) {
        #expect(Self.sha1(Array(text.utf8)) == digest)
    }

    // The expected hashes come from `git hash-object` and `sha256sum`.
    @Test func aFileHasTheHashThatGitOrTheHubGivesIt() throws {
        #expect(FakeHub.git([]) == "e69de29bb2d1d6434b8b29ae775ad8c2e48c5391")
        #expect(FakeHub.git(Array("{}".utf8)) == "9e26dfeeb6e641a33dae4961196235bdb965b21b")
        let weights = try #require(FakeHub.modelFiles["model.safetensors"])
        #expect(FakeHub.sha256(weights) == "3d254334e19a907135fb5c5e70a2317ac1e2a44997d6a5c0d528784dad2e51a4")
        #expect(FakeHub.git(weights) == "e85e4c0cf1cb4a2cef035c791274c13cccbaaef1")
    }

    /// Hashes every length up to five blocks in two pieces, as data from the network arrives in pieces. The cuts are at
    /// and around the ends of blocks.
    @Test func piecesHashAsTheWhole() {
        let bytes = (0..<320).map { UInt8(truncatingIfNeeded: $0 &* 167 &+ 13) }
        for count in 0...bytes.count {
            let whole = Array(bytes[..<count])
            let (expected256, expected1) = (Self.sha256(whole, with: ouro_sha256_update_portable), Self.sha1(whole))
            for cut in Set([0, 1, 55, 56, 63, 64, 65, 119, 128, count / 2, count]) where cut <= count {
                #expect(Self.sha256(whole, cut: cut) == expected256, "\(count) bytes cut at \(cut)")
                #expect(Self.sha1(whole, cut: cut) == expected1, "\(count) bytes cut at \(cut)")
            }
        }
    }

    private typealias Update = (UnsafeMutablePointer<ouro_hash>?, UnsafeRawPointer?, Int) -> Void

    private static func sha256(_ bytes: [UInt8], cut: Int = 0, with update: Update = ouro_sha256_update) -> String {
        var hash = ouro_hash()
        ouro_sha256_begin(&hash)
        add(bytes, cut: cut, to: &hash, update)
        var digest = [UInt8](repeating: 0, count: 32)
        ouro_sha256_end(&hash, &digest)
        return text(digest)
    }

    private static func sha1(_ bytes: [UInt8], cut: Int = 0) -> String {
        var hash = ouro_hash()
        ouro_sha1_begin(&hash)
        add(bytes, cut: cut, to: &hash, ouro_sha1_update)
        var digest = [UInt8](repeating: 0, count: 20)
        ouro_sha1_end(&hash, &digest)
        return text(digest)
    }

    private static func add(_ bytes: [UInt8], cut: Int, to hash: inout ouro_hash, _ update: Update) {
        bytes.withUnsafeBytes { bytes in
            update(&hash, bytes.baseAddress, cut)
            update(&hash, bytes.baseAddress?.advanced(by: cut), bytes.count - cut)
        }
    }

    private static func text(_ digest: [UInt8]) -> String { digest.map { String(format: "%02x", $0) }.joined() }
}
