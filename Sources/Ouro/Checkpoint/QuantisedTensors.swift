import OuroKernels

/// A tensor that a checkpoint must have.
package struct ExpectedTensor {
    /// The meaning of the elements.
    package enum Content: Equatable {
        /// The values of the weight itself.
        case values
        /// Codes of a quantised matrix, packed into 32-bit words, lowest bits first.
        case words
        /// One scale for each row and group.
        case scales
        /// One bias for each row and group. `scales` is the name of the scales, which have the same type.
        case biases(scales: String)
    }

    package let name: String
    package let shape: [Int]
    package let content: Content
    /// Follows "by config.json" in an error about the shape.
    package var reason = ""
}

extension Checkpoint {
    /// How a matrix is stored. Nil if it is not quantised.
    ///
    /// A matrix is quantised under two conditions: the configuration does not exempt it, and the checkpoint has a
    /// tensor that only quantised matrices have. `matrix` is the name of the weight.
    package func quantisation(of matrix: String, _ configuration: ModelConfiguration) -> QuantisationSetting? {
        let module = Self.module(of: matrix)
        guard let quantisation = configuration.quantisation, let setting = quantisation.setting(of: module) else {
            return nil
        }
        let isQuantised =
            quantisation.exceptions[module] != nil || tensors[module + ".scales"] != nil
            || tensors[module + ".biases"] != nil || tensors[matrix]?.elementType == .u32
        return isQuantised ? setting : nil
    }

    /// The tensors of a weight: the weight itself, or codes, scales and biases.
    ///
    /// - Throws: ``OuroError`` with code `invalidCheckpoint` if the group size does not divide the length of a row.
    package func parts(
        of name: String, shape: [Int], _ configuration: ModelConfiguration
    ) throws(OuroError) -> [ExpectedTensor] {
        guard shape.count == 2, let setting = quantisation(of: name, configuration) else {
            return [ExpectedTensor(name: name, shape: shape, content: .values)]
        }
        guard shape[1] % setting.groupSize == 0 else {
            throw OuroError(
                .invalidCheckpoint, file: filePath(of: name), field: name,
                "quantised in groups of \(setting.groupSize), which do not divide rows of \(shape[1])")
        }
        return Self.quantisedParts(of: name, shape: shape, setting)
    }

    /// The three tensors of a quantised matrix. The group size must divide the length of a row.
    package static func quantisedParts(
        of name: String, shape: [Int], _ setting: QuantisationSetting
    ) -> [ExpectedTensor] {
        let module = module(of: name)
        let groups = shape[1] / setting.groupSize
        let reason = ", with \(setting.bits) bits in groups of \(setting.groupSize),"
        return [
            // A group has at least 32 inputs, so a row consists of whole words.
            ExpectedTensor(
                name: name, shape: [shape[0], groups * (setting.groupSize * setting.bits / 32)], content: .words,
                reason: reason),
            ExpectedTensor(
                name: module + ".scales", shape: [shape[0], groups], content: .scales, reason: reason),
            ExpectedTensor(
                name: module + ".biases", shape: [shape[0], groups], content: .biases(scales: module + ".scales"),
                reason: reason),
        ]
    }

    /// The common part of the names of a weight's tensors: its name without `.weight`.
    package static func module(of weight: String) -> String {
        weight.hasSuffix(".weight") ? String(weight.dropLast(".weight".count)) : weight
    }

    /// The place of a weight's values.
    ///
    /// - Throws: ``OuroError`` with code `invalidCheckpoint` if a scale or bias is not finite, or if a type is not one
    ///   of a weight.
    package func source(of name: String, _ configuration: ModelConfiguration) throws(OuroError) -> WeightSource {
        let (bytes, info) = try rawTensor(name)
        let rows = info.shape.count == 2 ? info.shape[0] : 1
        let columns = info.shape.last ?? 1
        guard info.shape.count == 2, let setting = quantisation(of: name, configuration) else {
            let element = try kernelElement(of: info)
            return WeightSource(storage: .values(bytes, element), rows: rows, columns: columns)
        }
        let module = Self.module(of: name)
        let (scales, scaleInfo) = try finiteTensor(module + ".scales")
        let (biases, _) = try finiteTensor(module + ".biases")
        return WeightSource(
            storage: .groups(
                WeightSource.AffineGroups(
                    words: bytes, scales: scales, biases: biases, scaleElement: try kernelElement(of: scaleInfo),
                    bits: setting.bits, groupSize: setting.groupSize)),
            rows: rows, columns: columns / setting.bits * 32)
    }

    /// Releases the memory of the pages of a weight and of its scales and biases.
    package func releasePages(ofWeight name: String) {
        let module = Self.module(of: name)
        for tensor in [name, module + ".scales", module + ".biases"] { releasePages(of: tensor) }
    }

    private func kernelElement(of info: TensorInfo) throws(OuroError) -> ouro_element {
        guard let element = info.elementType.kernelElement else {
            throw OuroError(
                .invalidCheckpoint, file: filePath(of: info.name), field: info.name,
                "expected F32, F16 or BF16, found \(info.elementType.rawValue)")
        }
        return element
    }

    private func finiteTensor(_ name: String) throws(OuroError) -> (UnsafeRawPointer, TensorInfo) {
        let (bytes, info) = try bytes(of: name)
        if let index = FiniteCheck.firstFault(in: bytes, of: try kernelElement(of: info)) {
            let columns = max(info.shape.last ?? 1, 1)
            throw OuroError(
                .invalidCheckpoint, file: filePath(of: name), field: name,
                "row \(index / columns), group \(index % columns) is not a finite number; the file is damaged")
        }
        return try rawTensor(name)
    }
}
