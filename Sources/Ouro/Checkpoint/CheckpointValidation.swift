extension Checkpoint {
    /// Checks that the tensors are exactly those of a model, with the right shapes and types.
    ///
    /// The types F32, F16 and BF16 are valid. Matrices that the configuration declares as quantised have MLX's format.
    /// The checkpoint may contain two other kinds of tensors: a head although the head is tied to the embedding, and
    /// the rotary frequencies that old exporters wrote.
    ///
    /// - Throws: ``OuroError`` with code `invalidCheckpoint` for missing and unexpected tensors, wrong shapes and wrong
    ///   types.
    public func validate(for configuration: ModelConfiguration) throws(OuroError) {
        let names = configuration.tensorNames
        let tensorsPerLayer = names.layer.entries.count
        // This check comes first, because the list of expected tensors grows with the number of layers.
        guard configuration.layerCount <= tensors.count / tensorsPerLayer else {
            throw OuroError(
                .invalidCheckpoint, file: path, field: "num_hidden_layers",
                "config.json has \(configuration.layerCount) layers of \(tensorsPerLayer) tensors each, "
                    + "but there are only \(tensors.count) tensors")
        }
        var expected: [ExpectedTensor] = []
        for (name, shape) in configuration.expectedTensors {
            expected += try parts(of: name, shape: shape, configuration)
        }
        let missing = expected.map(\.name).filter { tensors[$0] == nil }
        guard missing.isEmpty else {
            throw OuroError(
                .invalidCheckpoint, file: path, field: missing.first,
                "\(missing.count) of the model's \(expected.count) tensors are missing: \(NameList.text(missing))")
        }
        let known = Set(expected.map { ExactString($0.name) })
        let unexpected = tensors.keys.filter {
            !known.contains(ExactString($0)) && !names.isIgnored($0, configuration)
        }.sortedByBytes()
        guard unexpected.isEmpty else {
            throw OuroError(
                .invalidCheckpoint, file: path, field: unexpected.first.map(NameList.clipped),
                "\(unexpected.count) of \(tensors.count) tensors are not part of the model that config.json describes: "
                    + NameList.text(unexpected) + Self.hint(unexpected, configuration))
        }
        for part in expected {
            guard let tensor = tensors[part.name] else { continue }
            func fault(_ message: String) -> OuroError {
                OuroError(.invalidCheckpoint, file: filePath(of: part.name), field: part.name, message)
            }
            guard tensor.shape == part.shape else {
                throw fault(
                    "the shape is \(NameList.text(tensor.shape)); by config.json\(part.reason) it is "
                        + NameList.text(part.shape))
            }
            guard part.content == .words ? tensor.elementType == .u32 : tensor.elementType.kernelElement != nil else {
                throw fault(
                    "expected \(part.content == .words ? "U32" : "F32, F16 or BF16"), found "
                        + tensor.elementType.rawValue)
            }
            if case .biases(let scales) = part.content, let other = tensors[scales],
                other.elementType != tensor.elementType
            {
                throw fault(
                    "expected \(other.elementType.rawValue) as the scales have, found \(tensor.elementType.rawValue)")
            }
        }
    }

    /// Advice about unexpected tensors; empty if there is none.
    private static func hint(_ unexpected: [String], _ configuration: ModelConfiguration) -> String {
        guard configuration.quantisation == nil, unexpected.contains(where: { $0.hasSuffix(".scales") }) else {
            return ""
        }
        return "; the weights are quantised, but config.json has no \"quantization\" with their group_size and bits"
    }
}
