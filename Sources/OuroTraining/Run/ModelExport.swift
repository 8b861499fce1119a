import Foundation
import Ouro

/// Writes a model folder in the published format, which `ouro`, Transformers and vLLM can load.
struct ModelExport {
    let model: TrainableModel
    let elementType: ElementType
    /// The folder to copy the tokenizer from; nil for none.
    let tokenizer: URL?

    static let tokenizerFiles = [
        "tokenizer.json", "tokenizer_config.json", "special_tokens_map.json", "chat_template.jinja",
    ]

    /// Writes the folder atomically: it is complete or it does not exist. An existing folder is replaced.
    ///
    /// - Throws: `OuroError` with code `unwritableFile`.
    func write(to folder: URL, configuration: ModelConfiguration) throws(OuroError) {
        try PartialFolder.write(to: folder, replaces: true) { folder throws(OuroError) in
            try writeFiles(to: folder, configuration)
        }
    }

    private func writeFiles(to folder: URL, _ configuration: ModelConfiguration) throws(OuroError) {
        let writer = try CheckpointWriter(
            folder: folder,
            tensors: model.layout.tensors.map {
                TensorDeclaration(name: $0.name, elementType: elementType, shape: $0.shape)
            })
        for tensor in model.layout.tensors {
            let values = UnsafeBufferPointer(
                start: model.parameters.base + tensor.range.lowerBound, count: tensor.range.count)
            if elementType == .f32 {
                try writer.write(tensor.name, UnsafeRawBufferPointer(values))
            } else {
                let narrow = values.map(BFloat16.round)
                try narrow.withUnsafeBytes { bytes in
                    Result { () throws(OuroError) in try writer.write(tensor.name, bytes) }
                }.get()
            }
        }
        var configuration = configuration
        configuration.dataType = elementType == .f32 ? "float32" : "bfloat16"
        try AtomicFile.write(configuration.encoded(), to: folder.appendingPathComponent("config.json"))
        try AtomicFile.write(
            Self.generationConfiguration(configuration), to: folder.appendingPathComponent("generation_config.json"))
        for name in Self.tokenizerFiles {
            guard let source = tokenizer?.appendingPathComponent(name),
                FileManager.default.fileExists(atPath: source.path)
            else { continue }
            let copy = folder.appendingPathComponent(name)
            do {
                try FileManager.default.copyItem(at: source, to: copy)
            } catch {
                throw OuroError(
                    .unwritableFile, file: copy.path, "the file cannot be written: \(error.localizedDescription)")
            }
        }
        try writer.finish()
    }

    private static func generationConfiguration(_ configuration: ModelConfiguration) -> Data {
        let ends = configuration.eosTokenIDs
        var members: [(String, JSONOutput)] = []
        if let id = configuration.bosTokenID { members.append(("bos_token_id", .int(id))) }
        if let id = ends.first { members.append(("eos_token_id", ends.count == 1 ? .int(id) : .ints(ends))) }
        if let id = configuration.padTokenID { members.append(("pad_token_id", .int(id))) }
        return Data((JSONOutput.members(members).lines + "\n").utf8)
    }
}
