import Foundation
import Testing

@testable import Ouro

/// A temporary folder that is deleted together with this value.
final class CheckpointFolder {
    let url = FileManager.default.temporaryDirectory.appendingPathComponent("ouro-\(UUID().uuidString)")

    /// - Parameters:
    ///   - path: a folder below the temporary one, for layouts of several folders.
    init(_ path: String = "") throws {
        let folder = path.isEmpty ? url : url.appendingPathComponent(path)
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
    }

    deinit { try? FileManager.default.removeItem(at: url) }

    func file(_ name: String) -> URL { url.appendingPathComponent(name) }

    @discardableResult
    func write(_ name: String, _ data: Data) throws -> URL {
        try data.write(to: file(name))
        return file(name)
    }

    @discardableResult
    func write(_ name: String, _ text: String) throws -> URL { try write(name, Data(text.utf8)) }

    func link(_ name: String, to target: String) throws {
        try FileManager.default.createSymbolicLink(atPath: file(name).path, withDestinationPath: target)
    }
}

/// Makes safetensors files, valid or not.
enum SafetensorsBytes {
    /// A file with this header, and with data bytes that count up from zero.
    static func file(_ header: String, data count: Int = 0, length: UInt64? = nil) -> Data {
        file(Data(header.utf8), data: count, length: length)
    }

    static func file(_ header: Data, data count: Int = 0, length: UInt64? = nil) -> Data {
        let length = length ?? UInt64(header.count)
        return withUnsafeBytes(of: length.littleEndian) { Data($0) } + header
            + Data((0..<count).map { UInt8(truncatingIfNeeded: $0) })
    }

    /// A file of U8 tensors, one after the other.
    static func bytes(_ tensors: [(name: String, count: Int)]) -> Data {
        var entries: [String] = []
        var end = 0
        for (name, count) in tensors {
            entries.append(
                "\"\(name)\":{\"dtype\":\"U8\",\"shape\":[\(count)],\"data_offsets\":[\(end),\(end + count)]}")
            end += count
        }
        return file("{" + entries.joined(separator: ",") + "}", data: end)
    }

    static func entry(_ type: String, _ shape: String, _ offsets: String) -> String {
        "{\"dtype\":\(type),\"shape\":\(shape),\"data_offsets\":\(offsets)}"
    }
}

/// Returns the error that a call throws, or nil.
func failure(_ body: () throws(OuroError) -> Void) -> OuroError? {
    do throws(OuroError) {
        try body()
        return nil
    } catch {
        return error
    }
}
