import Foundation
import Testing

@testable import Ouro
@testable import OuroConstraints

/// The small trained model that the inference tests use.
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
    /// The grammar of the texts that a schema allows.
    init(schema: String) throws { try self.init(JSONSchema(parsing: schema)) }

    func accepts(_ text: String) -> Bool { text.utf8.reduce(start) { advance($0, $1) }.accepts }
}
