import Foundation

/// Writes a model folder that is made from another one: other weights or configuration, the same tokenizer and
/// template.
package enum DerivedFolder {
    /// Files of a model folder, besides configuration and weights, that its users may need.
    private static let companions = [
        "generation_config.json", "tokenizer.json", "tokenizer_config.json", "special_tokens_map.json",
        "added_tokens.json", "vocab.json", "merges.txt", "tokenizer.model", "chat_template.jinja", "chat_template.json",
        "configuration_ouro.py", "modeling_ouro.py", "LICENSE", "NOTICE",
    ]

    /// Writes a folder. It appears either complete or not at all.
    ///
    /// - Parameters:
    ///   - source: the model folder whose companion files are copied.
    ///   - output: the folder to write. It must not exist, or be empty.
    ///   - configuration: the content of `config.json`.
    ///   - tensors: all tensors of the checkpoint.
    ///   - weights: writes every tensor.
    /// - Throws: ``OuroError`` with code `unwritableFile`, and the errors of `weights`.
    package static func write(
        from source: URL, to output: URL, configuration: ModelConfiguration, tensors: [TensorDeclaration],
        weights: (CheckpointWriter) throws(OuroError) -> Void
    ) throws(OuroError) {
        let source = try ModelFolder(source)
        try PartialFolder.write(to: output, replaces: false) { folder throws(OuroError) in
            let writer = try CheckpointWriter(folder: folder, tensors: tensors)
            try weights(writer)
            try writer.finish()
            try AtomicFile.write(configuration.encoded(), to: folder.appendingPathComponent("config.json"))
            try copyCompanions(from: source, to: folder)
        }
    }

    /// Copies the tokenizer, the chat template and similar files.
    package static func copyCompanions(from source: ModelFolder, to folder: URL) throws(OuroError) {
        for name in companions {
            guard let file = try source.file(name) else { continue }
            let data: Data
            do {
                data = try Data(contentsOf: file)
            } catch {
                throw OuroError(.unreadableFile, file: file.path, "cannot be read: \(error.localizedDescription)")
            }
            try AtomicFile.write(data, to: folder.appendingPathComponent(name))
        }
    }
}
