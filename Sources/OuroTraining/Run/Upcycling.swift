import Foundation
import Ouro

/// Makes a deeper model by duplicating layers, as Ouro-2.6B was made from 24 layers (paper, section 4).
///
/// The block is repeated as a whole: layer i becomes layers i, i + L, i + 2 L... The paper does not say in which order the
/// layers stand; with the whole block repeated, one loop of the new model does what two loops did, but for the norm between
/// them.
public enum Upcycling {
    /// Writes a model folder with more layers, every value as it was, byte for byte.
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
        for (name, info) in checkpoint.tensors.sorted(by: { $0.key < $1.key }) {
            for copy in copies(of: name, layers: count, times: layers / count) {
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

    private static let prefix = "model.layers."

    /// The number of a tensor's layer and what follows it in the name.
    private static func split(_ name: String) -> (layer: Int, rest: Substring)? {
        guard name.hasPrefix(prefix) else { return nil }
        let tail = name.dropFirst(prefix.count)
        let digits = tail.prefix { $0 != "." }
        return Int(digits).map { ($0, tail.dropFirst(digits.count)) }
    }

    private static func copies(of name: String, layers: Int, times: Int) -> [String] {
        guard let (layer, rest) = split(name) else { return [name] }
        return (0..<times).map { "\(prefix)\(layer + $0 * layers)\(rest)" }
    }

    /// The tensor of a model with so many layers that a larger model's tensor is a copy of.
    static func source(of name: String, layers: Int) -> String {
        guard let (layer, rest) = split(name) else { return name }
        return "\(prefix)\(layer % layers)\(rest)"
    }
}
