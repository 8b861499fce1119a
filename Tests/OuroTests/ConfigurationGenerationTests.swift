import Foundation
import Testing

@testable import Ouro

/// `generation_config.json`.
@Suite struct ConfigurationGenerationTests {
    private func parse(_ text: String) throws(OuroError) -> GenerationConfiguration {
        try GenerationConfiguration(Fields.configuration(parsing: Data(text.utf8), file: "generation_config.json"))
    }

    @Test func everyFieldIsRead() throws {
        let found = try parse(
            """
            {"do_sample": true, "temperature": 0.7, "top_k": 20, "top_p": 0.9, "min_p": 0.05, "repetition_penalty": 1.1,
             "eos_token_id": [2, 0], "bos_token_id": 1, "pad_token_id": 0, "max_new_tokens": 512, "use_cache": true}
            """)
        var expected = GenerationConfiguration()
        expected.doSample = true
        (expected.temperature, expected.topK, expected.topP, expected.minP) = (0.7, 20, 0.9, 0.05)
        (expected.repetitionPenalty, expected.eosTokenIDs, expected.bosTokenID) = (1.1, [2, 0], 1)
        (expected.padTokenID, expected.maxNewTokens) = (0, 512)
        #expect(found == expected)
    }

    @Test func absentAndNullAreNil() throws {
        #expect(try parse("{}") == GenerationConfiguration())
        #expect(try parse("{\"top_p\": null, \"eos_token_id\": null}") == GenerationConfiguration())
    }

    @Test func aFolderWithoutTheFileSaysNothing() throws {
        #expect(try GenerationConfiguration.load(fromModelFolder: Fixtures.url("code_lm")) == GenerationConfiguration())
        let one = try GenerationConfiguration.load(fromModelFolder: Fixtures.url("j_long_prompt_seed1"))
        #expect(one.eosTokenIDs == [0])
        #expect(one.bosTokenID == 0)
        let list = try GenerationConfiguration.load(fromModelFolder: Fixtures.url("a_base_mha_fp32_seed1"))
        #expect(list.eosTokenIDs == [245, 0])
    }

    @Test(arguments: [
        ("do_sample", "1"), ("do_sample", "\"true\""), ("temperature", "-1"), ("temperature", "\"0.7\""),
        ("temperature", "1e300"), ("top_k", "-1"), ("top_k", "2.5"), ("top_k", "true"), ("top_p", "1.5"),
        ("top_p", "-0.1"), ("min_p", "2"), ("repetition_penalty", "0"), ("repetition_penalty", "-1"),
        ("eos_token_id", "-1"), ("eos_token_id", "\"</s>\""), ("bos_token_id", "[1]"), ("pad_token_id", "0.5"),
        ("max_new_tokens", "0"), ("max_new_tokens", "1e30"), ("max_new_tokens", "-20"),
    ])
    func badValuesAreNamed(field: String, value: String) throws {
        let error = #expect(throws: OuroError.self) { try parse("{\"\(field)\": \(value)}") }
        #expect(error?.field == field)
        #expect(error?.file == "generation_config.json")
        #expect(error?.code == .invalidConfiguration)
        #expect(error?.message.contains("found") == true, "\(error?.message ?? "")")
    }

    @Test func tokensOutsideTheVocabularyAreNamed() throws {
        let defaults = try parse("{\"eos_token_id\": [2, 300], \"bos_token_id\": 1}")
        #expect(throws: Never.self) { try defaults.validate(vocabularySize: 301, file: "generation_config.json") }
        let error = #expect(throws: OuroError.self) {
            try defaults.validate(vocabularySize: 300, file: "generation_config.json")
        }
        #expect(error?.field == "eos_token_id")
        #expect(error?.message.contains("300") == true)
    }
}
