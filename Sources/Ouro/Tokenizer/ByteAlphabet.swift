/// Spells the bytes of a byte-level vocabulary: each of the 256 bytes is one visible character (GPT-2's
/// `bytes_to_unicode`).
///
/// A visible character of Latin-1 spells its own byte. The other bytes are spelled by the characters from U+0100 on, so
/// a space is `Ġ`.
enum ByteAlphabet {
    /// The character of each byte.
    static let scalars: [Unicode.Scalar] = {
        var hiddenCount: UInt32 = 0
        return (UInt8.min...UInt8.max).map { byte in
            if isVisible(byte) { return Unicode.Scalar(byte) }
            defer { hiddenCount += 1 }
            return Unicode.Scalar(0x100 + hiddenCount) ?? Unicode.Scalar(byte)
        }
    }()

    /// The byte of each character of the alphabet. The last one is U+0143.
    private static let bytesByScalar: [UInt8?] = {
        var bytes = [UInt8?](repeating: nil, count: 0x144)
        for (byte, scalar) in scalars.enumerated() { bytes[Int(scalar.value)] = UInt8(byte) }
        return bytes
    }()

    private static func isVisible(_ byte: UInt8) -> Bool {
        switch byte {
        case 0x21...0x7E, 0xA1...0xAC, 0xAE...0xFF: true
        default: false
        }
    }

    /// The byte that a character spells; nil if the character is not part of the alphabet.
    static func byte(of scalar: Unicode.Scalar) -> UInt8? {
        scalar.value < 0x144 ? bytesByScalar[Int(scalar.value)] : nil
    }

    /// The bytes that a piece of the vocabulary spells.
    ///
    /// A piece with a character outside the alphabet stands for its own UTF-8 bytes, as in the reference decoder. This
    /// holds for added tokens too.
    static func bytes(of piece: String) -> [UInt8] {
        var bytes: [UInt8] = []
        bytes.reserveCapacity(piece.utf8.count)
        for scalar in piece.unicodeScalars {
            guard let byte = byte(of: scalar) else { return Array(piece.utf8) }
            bytes.append(byte)
        }
        return bytes
    }

    /// The UTF-8 bytes of the piece that spells `bytes`.
    static func spelling(of bytes: some Sequence<UInt8>) -> [UInt8] {
        bytes.flatMap { Array(UTF8.encode(scalars[Int($0)]) ?? .init()) }
    }
}
