import Foundation

/// A model folder made from another one: other weights or another configuration, with the same tokenizer and template.
package enum DerivedFolder {
    /// Files of a model folder, besides configuration and weights, that its users may need.
    private static let companions = [
        "generation_config.json", "tokenizer.json", "tokenizer_config.json", "special_tokens_map.json",
        "added_tokens.json", "vocab.json", "merges.txt", "tokenizer.model", "chat_template.jinja", "chat_template.json",
        "configuration_ouro.py", "modeling_ouro.py", "LICENSE", "NOTICE",
    ]

    /// Writes a folder, which is there whole or not at all.
    ///
    /// - Parameters:
    ///   - source: the model folder that the companions come from.
    ///   - output: new or empty.
    ///   - weights: writes every one of the tensors.
    /// - Throws: ``OuroError`` with code `unwritableFile`, and what `weights` throws.
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

    /// Copies tokenizer, template and the like.
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
