import Foundation
import Testing

@testable import Ouro

/// The paths of the golden data in the test bundle. The data is output of the reference implementation.
enum Fixtures {
    static let root = Bundle.module.resourceURL!.appendingPathComponent("Fixtures")

    static func url(_ path: String) -> URL { root.appendingPathComponent(path) }

    /// The published tokenizer, which is not part of this package. Its folder is `OURO_TOKENIZER_DIR`, or
    /// `shared/tokenizer` beside the checkout. Tests that need it are skipped if it is absent.
    static let publishedTokenizer: URL? = {
        let beside = URL(fileURLWithPath: #filePath).deletingLastPathComponent()
            .appendingPathComponent("../../../shared/tokenizer").standardizedFileURL
        let folder =
            ProcessInfo.processInfo.environment["OURO_TOKENIZER_DIR"].map { URL(fileURLWithPath: $0) } ?? beside
        let file = folder.appendingPathComponent("tokenizer.json")
        return FileManager.default.isReadableFile(atPath: file.path) ? file : nil
    }()
}

@Test func errorsNameFileFieldAndExpectation() {
    let error = OuroError(
        .invalidConfiguration, file: "config.json", field: "hidden_size", "expected a positive integer")
    #expect(error.description == "config.json: hidden_size: expected a positive integer")
}
