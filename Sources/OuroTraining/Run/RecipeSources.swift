import Foundation
import Ouro

/// Opens the data that a recipe names.
public enum RecipeSources {
    /// The data of a stage from its start.
    ///
    /// - Throws: ``OuroError`` if files are missing or damaged.
    public static func make(_ recipe: Recipe, _ stage: Recipe.Stage) throws(OuroError) -> any BatchSource {
        let used = stage.mixture.filter { $0.weight > 0 }
        guard used.count == 1, let only = used.first else {
            throw OuroError(.unsupported, file: recipe.file, field: "mixture", "expected a single source")
        }
        return try source(only.name, recipe)
    }

    private static func source(_ name: String, _ recipe: Recipe) throws(OuroError) -> any BatchSource {
        switch recipe.data[name] {
        case .bytes(let path): return try ByteWindows(contentsOf: recipe.resolve(path), seed: recipe.seed)
        default: throw OuroError(.unsupported, file: recipe.file, field: "data.\(name)", "expected 'bytes'")
        }
    }
}
