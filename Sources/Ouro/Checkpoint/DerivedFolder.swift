import Foundation

/// A model folder made from another one: other weights or another configuration, with the same tokenizer and template.
package enum DerivedFolder {
    /// Files of a model folder, besides configuration and weights, that its users may need.
    private static let companions = [
        "generation_config.json", "tokenizer.json", "tokenizer_config.json", "special_tokens_map.json",
        "added_tokens.json", "vocab.json", "merges.txt", "tokenizer.model", "chat_template.jinja", "chat_template.json",
        "configuration_ouro.py", "modeling_ouro.py", "LICENSE", "NOTICE",
    ]

    /// Writes a folder under another name first, then gives it its own: it is there whole or not at all.
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
        let manager = FileManager.default
        let present = try? manager.contentsOfDirectory(atPath: output.path)
        guard present?.isEmpty ?? !manager.fileExists(atPath: output.path) else {
            throw OuroError(
                .unwritableFile, file: output.path, "it is there already and not an empty folder; choose another")
        }
        let partial = output.standardizedFileURL.deletingLastPathComponent()
            .appendingPathComponent(".\(output.lastPathComponent).\(UUID().uuidString).partial")
        defer { try? manager.removeItem(at: partial) }
        do {
            try manager.createDirectory(at: partial, withIntermediateDirectories: true)
        } catch {
            throw OuroError(.unwritableFile, file: output.path, "cannot be created: \(error.localizedDescription)")
        }
        let writer = try CheckpointWriter(folder: partial, tensors: tensors)
        try weights(writer)
        try writer.finish()
        try write(configuration.encoded(), to: partial.appendingPathComponent("config.json"))
        try copyCompanions(from: source, to: partial)
        do {
            if present != nil { try manager.removeItem(at: output) }
            try manager.moveItem(at: partial, to: output)
        } catch {
            throw OuroError(.unwritableFile, file: output.path, "cannot be written: \(error.localizedDescription)")
        }
    }

    /// Copies tokenizer, template and the like.
    static func copyCompanions(from source: ModelFolder, to folder: URL) throws(OuroError) {
        for name in companions {
            guard let file = try source.file(name) else { continue }
            let data: Data
            do {
                data = try Data(contentsOf: file)
            } catch {
                throw OuroError(.unreadableFile, file: file.path, "cannot be read: \(error.localizedDescription)")
            }
            try write(data, to: folder.appendingPathComponent(name))
        }
    }

    private static func write(_ data: Data, to url: URL) throws(OuroError) {
        let file = try AtomicFile(url)
        try file.write(data, at: 0)
        try file.commit()
    }
}
