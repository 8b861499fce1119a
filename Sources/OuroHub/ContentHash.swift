import Foundation
import OuroHubC

/// The hash by which the hub identifies a file: SHA-256 for a large file, Git's SHA-1 for a small one.
struct ContentHash {
    private enum Kind { case sha256, git }

    private let kind: Kind
    private var hash = ouro_hash()

    init(_ file: HubFile) {
        if file.etag.utf8.count == 64 {
            kind = .sha256
            ouro_sha256_begin(&hash)
        } else {
            kind = .git
            ouro_sha1_begin(&hash)
            // Git hashes a header with the kind and the size before the bytes.
            Array("blob \(file.byteCount)\0".utf8).withUnsafeBytes { update($0) }
        }
    }

    mutating func update(_ bytes: UnsafeRawBufferPointer) {
        switch kind {
        case .sha256: ouro_sha256_update(&hash, bytes.baseAddress, bytes.count)
        case .git: ouro_sha1_update(&hash, bytes.baseAddress, bytes.count)
        }
    }

    /// The hash of all bytes so far, in hexadecimal digits.
    var digest: String {
        var hash = hash
        var digest: [UInt8]
        switch kind {
        case .sha256:
            digest = Array(repeating: 0, count: 32)
            ouro_sha256_end(&hash, &digest)
        case .git:
            digest = Array(repeating: 0, count: 20)
            ouro_sha1_end(&hash, &digest)
        }
        return digest.map { ($0 < 16 ? "0" : "") + String($0, radix: 16) }.joined()
    }

    /// Adds the first `count` bytes of an open file.
    ///
    /// - Returns: false if they cannot be read.
    mutating func update(contentsOf descriptor: Int32, _ count: Int) -> Bool {
        let buffer = UnsafeMutableRawBufferPointer.allocate(byteCount: 1 << 20, alignment: 16)
        defer { buffer.deallocate() }
        var done = 0
        while done < count {
            let read = pread(descriptor, buffer.baseAddress, min(buffer.count, count - done), off_t(done))
            if read < 0, errno == EINTR { continue }
            guard read > 0 else { return false }
            update(UnsafeRawBufferPointer(rebasing: buffer[..<read]))
            done += read
        }
        return true
    }

    /// Whether a file has the size and the hash that the hub reports.
    static func matches(_ file: HubFile, at url: URL) -> Bool {
        guard PartialFile.byteCount(at: url) == file.byteCount else { return false }
        let descriptor = open(url.path, O_RDONLY | O_CLOEXEC)
        guard descriptor >= 0 else { return false }
        defer { close(descriptor) }
        var hash = ContentHash(file)
        return hash.update(contentsOf: descriptor, file.byteCount) && hash.digest == file.etag
    }
}
