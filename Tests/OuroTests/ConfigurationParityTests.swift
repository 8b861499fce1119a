import Foundation
import Testing

@testable import Ouro

/// Fields that no published file uses change the arithmetic as they do in the reference: sliding windows, scaled RoPE, a
/// tied head. The expected logits come from `Scripts/generate_window_goldens.py`.
@Suite struct ConfigurationParityTests {
    struct File: Decodable {
        struct Case: Decodable {
            let name: String
            /// Fields of `config.json` that differ from the fixture's.
            let config: JSONObject
            /// Of the last loop, `[last 3 positions][vocabulary]`.
            let logits: [[Float]]
        }
        let fixture: String
        let tokens: [Int]
        let cases: [Case]
    }

    static func configuration(_ fixture: String, _ changes: JSONObject) throws -> ModelConfiguration {
        let members = try Fields.configuration(contentsOf: Fixtures.url("\(fixture)/config.json")).members
        let text = JSONValue.object(members.merging(changes)).text
        return try ModelConfiguration(parsing: Data(text.utf8), file: "config.json")
    }

    @Test func logitsAgreeUnderUnusualConfigurations() throws {
        let data = try Data(contentsOf: Fixtures.url("configuration_golden.json"))
        let file = try JSONDecoder().decode(File.self, from: data)
        #expect(file.cases.count == 8)
        for golden in file.cases {
            let configuration = try Self.configuration(file.fixture, golden.config)
            for variant in Kernels.available.map(\.name) {
                let harness = try ModelHarness(file.fixture, kernels: Kernels.select(variant)) { $0 = configuration }
                var last: [[Float]] = []
                try harness.prefill(file.tokens) { _, _, _, logits in last = logits.suffix(3) }
                expectClose(
                    last.flatMap { $0 }, golden.logits.flatMap { $0 }[...], "\(golden.name), \(variant)")
            }
        }
    }
}
