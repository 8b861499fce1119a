import Foundation
import Ouro

/// Makes a deeper model by duplicating layers. Ouro-2.6B was made from 24 layers in this way (paper, section 4).
///
/// The whole block is repeated: layer i becomes the layers i, i + L, i + 2 L, and so on. The paper does not give the
/// order. In this order, one loop of a model with twice the layers equals two loops of the original, except for the
/// norm between them.
public enum Upcycling {
    /// Writes a model folder with more layers. Values are copied byte for byte.
    ///
    /// - Parameters:
    ///   - folder: the model to start from.
    ///   - layers: the new number of layers: a multiple of the model's own number, and larger.
    ///   - output: the folder to write.
    /// - Throws: `OuroError` with code `invalidRequest` for another number of layers, `unwritableFile` if the output
    ///   cannot be written, or the error of reading the model.
    public static func write(model folder: URL, layers: Int, to output: URL) throws(OuroError) {
        var configuration = try ModelConfiguration(contentsOf: folder.appendingPathComponent("config.json"))
        let count = configuration.layerCount
        guard layers > count, layers.isMultiple(of: count), layers <= 4096 else {
            throw OuroError(
                .invalidRequest, field: "layers",
                "expected a larger multiple of the model's \(count) layers, such as \(2 * count), found \(layers)")
        }
        let checkpoint = try Checkpoint(folder: folder)
        try checkpoint.validate(for: configuration)
        let windows = configuration.slidingWindows
        configuration.layerCount = layers
        configuration.slidingWindows = (0..<layers).map { windows[$0 % count] }
        var tensors: [(declaration: TensorDeclaration, source: String)] = []
        let names = configuration.tensorNames
        for (name, info) in checkpoint.tensors.sortedByKey() {
            // A tensor outside the layers is copied once.
            for time in 0..<(names.layer(of: name) == nil ? 1 : layers / count) {
                let copy = names.name(name) { $0 + time * count }
                let declaration = TensorDeclaration(name: copy, elementType: info.elementType, shape: info.shape)
                tensors.append((declaration, name))
            }
        }
        let sources = tensors
        try DerivedFolder.write(
            from: folder, to: output, configuration: configuration, tensors: sources.map(\.declaration)
        ) { (writer) throws(OuroError) in
            for (declaration, source) in sources {
                try writer.write(declaration.name, checkpoint.bytes(of: source).0)
            }
        }
    }
}
