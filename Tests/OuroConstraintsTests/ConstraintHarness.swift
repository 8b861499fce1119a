import Foundation
import Testing

@testable import Ouro
@testable import OuroConstraints

/// The small trained model of the inference tests.
enum SmallModel {
    static let url = URL(fileURLWithPath: #filePath).deletingLastPathComponent()
        .appendingPathComponent("../OuroTests/Fixtures/code_lm").standardizedFileURL
    static let vocabularySize = 256

    static func tokenizer() throws -> Tokenizer {
        try Tokenizer(contentsOf: url.appendingPathComponent("tokenizer.json"))
    }

    static func compiler() throws -> ConstraintCompiler {
        ConstraintCompiler(tokenizer: try tokenizer(), vocabularySize: vocabularySize, endTokens: [0])
    }
}

extension Grammar {
    /// The texts that a schema describes.
    init(schema: String) throws { try self.init(JSONSchema(parsing: schema)) }
}

/// Random numbers that are the same in every run.
struct TestRandom: RandomNumberGenerator {
    private var state: UInt64

    init(seed: UInt64) { state = seed &* 0x9E37_79B9_7F4A_7C15 &+ 1 }

    mutating func next() -> UInt64 {
        state ^= state << 13
        state ^= state >> 7
        state ^= state << 17
        return state
    }
}

extension Grammar {
    /// A random text, by a walk over the bytes that may follow. After some bytes the walk ends as soon as it may, and takes
    /// the bytes that lead to an end soonest. Nil if it reaches no end.
    func sample(_ random: inout TestRandom, freeBytes: Int = 40) throws -> String? {
        var table = StateTable(program)
        var state = try table.start()
        var bytes: [UInt8] = []
        let closing = Array("\"}]0123456789,:abcdefghijklmnopqrstuvwxyz-.{[TZ@/".utf8)
        while bytes.count < 4000 {
            table.work = 0
            let isOver = bytes.count >= freeBytes
            if table.accepts(state), isOver || Int.random(in: 0..<6, using: &random) == 0 { break }
            var options: [(UInt8, Int32)] = []
            for byte in UInt8(0)...255 {
                table.work = 0
                let next = try table.next(state, byte)
                if next != StateTable.dead { options.append((byte, next)) }
            }
            if options.isEmpty { break }
            let simple = options.filter { (0x20...0x7E).contains($0.0) && $0.0 != UInt8(ascii: "\\") }
            // Most characters are plain ones.
            if !simple.isEmpty, Int.random(in: 0..<5, using: &random) > 0 { options = simple }
            if isOver, Int.random(in: 0..<4, using: &random) > 0,
                let first = closing.lazy.compactMap({ byte in options.first { $0.0 == byte } }).first
            {
                options = [first]
            }
            let (byte, next) = options[Int.random(in: 0..<options.count, using: &random)]
            bytes.append(byte)
            state = next
        }
        return table.accepts(state) ? String(decoding: bytes, as: UTF8.self) : nil
    }
}
