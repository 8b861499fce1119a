import Foundation
import Testing

@testable import Ouro

/// Tests that the names of tensors are those of the published checkpoints, and that only one file contains them.
@Suite struct TensorNamesTests {
    /// The names of one layer's tensors in the published checkpoints.
    static let layer = [
        "input_layernorm.weight", "self_attn.q_proj.weight", "self_attn.k_proj.weight", "self_attn.v_proj.weight",
        "self_attn.o_proj.weight", "input_layernorm_2.weight", "post_attention_layernorm.weight",
        "mlp.gate_proj.weight", "mlp.up_proj.weight", "mlp.down_proj.weight", "post_attention_layernorm_2.weight",
    ]
    static let names =
        ["model.embed_tokens.weight"] + layer.map { "model.layers.0." + $0 } + layer.map { "model.layers.1." + $0 } + [
            "model.norm.weight", "model.early_exit_gate.weight", "model.early_exit_gate.bias", "lm_head.weight",
        ]

    @Test(arguments: ["a_base_mha_fp32_seed1", "c_gqa_headdim24_seed1", "i_odd_dims_seed1"])
    func namesAndShapesAreThoseOfTheFiles(fixture: String) throws {
        let configuration = try ModelConfiguration(contentsOf: Fixtures.url(fixture + "/config.json"))
        let file = try SafetensorsFile(contentsOf: Fixtures.url(fixture + "/model.safetensors"))
        let expected = configuration.expectedTensors
        #expect(expected.map(\.name) == Self.names)
        #expect(Set(file.tensors.keys) == Set(Self.names))
        for (name, shape) in expected { #expect(file.tensors[name]?.shape == shape, "\(name)") }
    }

    @Test func theMembersOfALayerAreItsNames() {
        let layer = TensorNames.ouro.layer(7)
        let names = [
            layer.inputNorm, layer.query, layer.key, layer.value, layer.attentionOutput, layer.attentionNorm,
            layer.mlpInputNorm, layer.gate, layer.up, layer.down, layer.mlpNorm,
        ]
        #expect(names == Self.layer.map { "model.layers.7." + $0 })
    }

    @Test func aTiedHeadIsTheEmbedding() throws {
        var configuration = try ConfigurationSample.parse()
        let names = configuration.tensorNames
        #expect(names.logitMatrix(of: configuration) == "lm_head.weight")
        configuration.tiesWordEmbeddings = true
        #expect(names.logitMatrix(of: configuration) == "model.embed_tokens.weight")
        #expect(!configuration.expectedTensors.contains { $0.name == "lm_head.weight" })
    }

    @Test func layersAreFoundInNamesAndRenumbered() {
        let names = TensorNames.ouro
        let rows: [(name: String, layer: Int?, renumbered: String)] = [
            ("model.layers.3.mlp.up_proj.weight", 3, "model.layers.13.mlp.up_proj.weight"),
            ("model.layers.30.mlp.up_proj.scales", 30, "model.layers.40.mlp.up_proj.scales"),
            ("model.norm.weight", nil, "model.norm.weight"),
            ("model.layers.x.mlp.up_proj.weight", nil, "model.layers.x.mlp.up_proj.weight"),
            ("model.layers.+3.mlp.up_proj.weight", nil, "model.layers.+3.mlp.up_proj.weight"),
            ("model.layers.99999999999999999999.a", nil, "model.layers.99999999999999999999.a"),
            ("model.layers.3", nil, "model.layers.3"),
            ("model.layers..a", nil, "model.layers..a"),
        ]
        for (name, layer, renumbered) in rows {
            #expect(names.layer(of: name) == layer, "\(name)")
            #expect(names.name(name) { $0 + 10 } == renumbered)
        }
    }

    @Test func adaptersNameTheMatricesOfALayer() {
        #expect(Adapter.targets == ["q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj"])
    }

    /// Comments in other files may contain a name. String literals may not.
    @Test func noOtherFileWritesANameDown() throws {
        // Parts of names that a string literal would contain.
        let names = [
            "model.layers", "model.norm", "model.embed_tokens", "early_exit_gate", "self_attn", "lm_head", "_proj",
            "_layernorm", "rotary_emb",
        ]
        var found: [String] = []
        for (file, lines) in try SourceFiles.code() {
            for line in lines
            where line.utf8.contains(UInt8(ascii: "\"")) && names.contains(where: { line.contains($0) }) {
                found.append("\(file): \(line)")
            }
        }
        #expect(!found.isEmpty && found.allSatisfy { $0.hasPrefix("TensorNames.swift: ") }, "\(found)")
    }
}
