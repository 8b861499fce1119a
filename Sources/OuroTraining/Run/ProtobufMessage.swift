import Foundation

/// An encoder for a protobuf message. Fields are appended one by one.
struct ProtobufMessage {
    private(set) var bytes = Data()

    private mutating func varint(_ value: UInt64) {
        var rest = value
        while rest >= 0x80 {
            bytes.append(UInt8(truncatingIfNeeded: rest) | 0x80)
            rest >>= 7
        }
        bytes.append(UInt8(truncatingIfNeeded: rest))
    }

    private mutating func key(_ field: UInt64, _ wireType: UInt64) { varint(field << 3 | wireType) }

    mutating func add(_ field: UInt64, _ value: UInt64) {
        key(field, 0)
        varint(value)
    }

    mutating func add(_ field: UInt64, _ value: Double) {
        key(field, 1)
        withUnsafeBytes(of: value.bitPattern.littleEndian) { bytes.append(contentsOf: $0) }
    }

    mutating func add(_ field: UInt64, _ value: Float) {
        key(field, 5)
        withUnsafeBytes(of: value.bitPattern.littleEndian) { bytes.append(contentsOf: $0) }
    }

    /// Adds a packed repeated field.
    mutating func add(_ field: UInt64, _ values: [Double]) {
        key(field, 2)
        varint(UInt64(values.count * 8))
        for value in values { withUnsafeBytes(of: value.bitPattern.littleEndian) { bytes.append(contentsOf: $0) } }
    }

    mutating func add(_ field: UInt64, _ text: String) {
        key(field, 2)
        varint(UInt64(text.utf8.count))
        bytes.append(contentsOf: text.utf8)
    }

    mutating func add(_ field: UInt64, _ message: ProtobufMessage) {
        key(field, 2)
        varint(UInt64(message.bytes.count))
        bytes.append(message.bytes)
    }
}
