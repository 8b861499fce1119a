import Foundation
import Ouro

/// Makes a deeper model by duplicating layers, as Ouro-2.6B was made from 24 layers (paper, section 4).
///
/// The whole block is repeated: layer i becomes layers i, i + L, i + 2 L... The paper does not give the order of the layers.
/// In this order, one loop of a model with twice the layers does what two loops did, except for the norm between them.
public enum Upcycling {
    /// Writes a model folder with more layers. Each value is copied byte for byte.
    ///
    /// - Parameters:
    ///   - layers: a multiple of the model's own number, above it.
    /// - Throws: ``OuroError`` with code `invalidRequest` for another number; what reading the model throws; `unwritableFile`.
    public static func write(model folder: URL, layers: Int, to output: URL) throws(OuroError) {
        var configuration = try ModelConfiguration(contentsOf: folder.appendingPathComponent("config.json"))
        let count = configuration.layerCount
        guard layers > count, layers.isMultiple(of: count), layers <= 4096 else {
            throw OuroError(
                .invalidRequest, field: "layers",
                "expected a multiple of the model's \(count) layers above it, as \(2 * count), found \(layers)")
        }
        let checkpoint = try Checkpoint(folder: folder)
        try checkpoint.validate(for: configuration)
        let windows = configuration.slidingWindows
        configuration.layerCount = layers
        configuration.slidingWindows = (0..<layers).map { windows[$0 % count] }
        var tensors: [(declaration: TensorDeclaration, source: String)] = []
        let names = configuration.tensorNames
        for (name, info) in checkpoint.tensors.sorted(by: { $0.key < $1.key }) {
            // A tensor that is no layer's has one copy.
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
