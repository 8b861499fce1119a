import Foundation
import Testing

@testable import Ouro

/// Tests that a damaged file loads or throws, and that every byte of a loaded file can be read.
@Suite struct CheckpointFuzzTests {
    /// Pieces of text that often make readers fail.
    static let pieces: [[UInt8]] = [
        "-1", "0", "1", "1.0", "1e0", "-0", "1e400", "4294967296", "4294967297", "9223372036854775807",
        "9223372036854775808", "18446744073709551615", "18446744073709551616", "-9223372036854775808", "null", "true",
        "[]", "{}", "\"\"", "[[", "{{", ",", ":", "\"", "\\", "\\u0000", "\\ud800", "\"F32\"", "\"U8\"", "\"BF16\"",
        "\"F4\"", "\"__metadata__\":{}", "\"dtype\"", "\"shape\"", "\"data_offsets\"", "..", "/", "\u{FEFF}", "\0",
        "1.safetensors", "2.safetensors",
    ].map { Array($0.utf8) }

    /// Makes one or two changes: flips a bit, sets a byte, inserts or overwrites a piece, removes or duplicates a part,
    /// truncates, or replaces a number.
    static func mutate(_ bytes: inout [UInt8], _ random: inout SeededRandom) {
        for _ in 0..<random.int(1...2) where !bytes.isEmpty {
            let index = random.int(0...bytes.count - 1)
            switch random.int(0...7) {
            case 0: bytes[index] ^= 1 << UInt8(random.int(0...7))
            case 1: bytes[index] = UInt8(random.int(0...255))
            case 2: bytes.insert(contentsOf: pieces[random.int(0...pieces.count - 1)], at: index)
            case 3:
                let piece = pieces[random.int(0...pieces.count - 1)]
                bytes.replaceSubrange(index..<min(bytes.count, index + piece.count), with: piece)
            case 4: bytes.removeSubrange(index..<min(bytes.count, index + random.int(1...20)))
            case 5: bytes.insert(contentsOf: bytes[index..<min(bytes.count, index + random.int(1...60))], at: index)
            case 6: bytes.removeSubrange(index...)
            default:
                // The text stays well-formed if a number replaces a number, so this change reaches the checks of
                // values.
                let digits = bytes.indices.filter { (0x30...0x39).contains(bytes[$0]) }
                guard let start = digits.randomElement(using: &random) else { continue }
                let end = bytes[start...].firstIndex { !(0x30...0x39).contains($0) } ?? bytes.endIndex
                bytes.replaceSubrange(start..<end, with: pieces[random.int(0...13)])
            }
        }
    }

    /// The sum over all bytes of all tensors. Computing it reads each byte.
    static func readAll(
        _ tensors: ExactDictionary<TensorInfo>, _ bytes: (String) throws -> UnsafeRawBufferPointer
    ) throws
        -> Int
    {
        var sum = 0
        for info in tensors.values {
            let buffer = try bytes(info.name)
            #expect(buffer.count == info.byteRange.count)
            #expect(buffer.count == info.shape.reduce(info.elementType.byteCount, *))
            sum = buffer.reduce(sum) { $0 &+ Int($1) }
        }
        return sum
    }

    @Test func damagedFilesLoadOrThrow() throws {
        let folder = try CheckpointFolder()
        let header = Array(
            (#"{"__metadata__":{"format":"pt"},"a":{"dtype":"F32","shape":[2,3],"data_offsets":[0,24]},"#
                + #""b":{"dtype":"BF16","shape":[4],"data_offsets":[24,32]},"#
                + #""c":{"dtype":"I64","shape":[0,5],"data_offsets":[32,32]},"#
                + #""d":{"dtype":"U8","shape":[],"data_offsets":[32,33]}}  "#).utf8)
        let url = folder.file("x.safetensors")
        var loaded = 0
        for seed in 0..<4500 {
            var random = SeededRandom(seed: UInt64(seed))
            var data: [UInt8]
            if seed % 3 == 0 {
                data = Array(SafetensorsBytes.file(Data(header), data: 33))
                Self.mutate(&data, &random)
            } else {
                // The length in front is right, so the damage reaches the parser of the header.
                var damaged = header
                Self.mutate(&damaged, &random)
                data = Array(SafetensorsBytes.file(Data(damaged), data: 33))
            }
            try Data(data).write(to: url)
            do {
                let file = try SafetensorsFile(contentsOf: url, mapped: seed % 2 == 0)
                loaded += 1
                _ = try Self.readAll(file.tensors) { name in try file.bytes(of: #require(file.tensors[name])) }
                for info in file.tensors.values where info.elementType.kernelElement != nil {
                    #expect(try file.floats(info.name).count == info.elementCount, "seed \(seed)")
                }
            } catch {
                #expect((error as? OuroError)?.file == url.path, "seed \(seed): \(error)")
            }
        }
        #expect((50..<4000).contains(loaded), "\(loaded) of 4500 loaded: the changes are too weak or too strong")
    }

    @Test func damagedIndexesLoadOrThrow() throws {
        let folder = try CheckpointFolder()
        try folder.write("1.safetensors", SafetensorsBytes.bytes([("a", 3), ("b", 2)]))
        try folder.write("2.safetensors", SafetensorsBytes.bytes([("c", 1)]))
        let index = Array(
            (#"{"metadata":{"total_size":6},"weight_map":{"a":"1.safetensors","#
                + #""b":"1.safetensors","c":"2.safetensors"}}"#).utf8)
        var loaded = 0
        for seed in 0..<1500 {
            var random = SeededRandom(seed: UInt64(seed))
            var data = index
            Self.mutate(&data, &random)
            try folder.write(ShardIndex.name, Data(data))
            do {
                let checkpoint = try Checkpoint(folder: folder.url, mapped: seed % 2 == 0)
                loaded += 1
                _ = try Self.readAll(checkpoint.tensors) { name in try checkpoint.bytes(of: name).0 }
                #expect(Set(checkpoint.tensors.keys).isSubset(of: ["a", "b", "c"]), "seed \(seed)")
            } catch {
                #expect((error as? OuroError)?.file?.hasPrefix(folder.url.path) == true, "seed \(seed): \(error)")
            }
        }
        #expect((10..<1400).contains(loaded), "\(loaded) of 1500 loaded: the changes are too weak or too strong")
    }

    @Test func randomBytesThrow() throws {
        let folder = try CheckpointFolder()
        let url = folder.file("x.safetensors")
        for seed in 0..<500 {
            var random = SeededRandom(seed: UInt64(seed))
            let data = (0..<random.int(0...200)).map { _ in UInt8(random.int(0...255)) }
            try Data(data).write(to: url)
            #expect(failure { () throws(OuroError) in _ = try SafetensorsFile(contentsOf: url) } != nil, "seed \(seed)")
        }
    }
}
