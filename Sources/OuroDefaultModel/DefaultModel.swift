import Foundation
import Ouro

/// The small model that is bundled with the package. It demonstrates adaptive depth; it is not ByteDance's Ouro.
///
/// `OuroTraining` trained it with `Recipes/ouro-tiny.yaml` on the project's synthetic tasks. Its folder also holds the
/// training log. The folder has the published format, so it can be used like any model folder:
///
/// ```swift
/// let engine = try Engine(modelAt: DefaultModel.folder())
/// ```
public enum DefaultModel {
    /// The name of the model.
    public static let name = "ouro-tiny"

    /// An example prompt: where do four arrows from m lead? The model needs all its loops for the answer.
    public static let prompt = "qe em mb bz zw wt tc cs so ok ky yq?m>>>>"

    /// Finds the folder with `config.json`, `model.safetensors` and `tokenizer.json`.
    ///
    /// It searches beside the executable, in the package's resource bundle, and in the package's sources.
    ///
    /// - Throws: `OuroError` with code `unreadableFile` if the folder is in none of these places.
    public static func folder() throws(OuroError) -> URL {
        let executable = Bundle.main.executableURL?.resolvingSymlinksInPath().deletingLastPathComponent()
        let bundles = [Bundle.main.bundleURL, Bundle.main.resourceURL, executable].compactMap { $0 }.flatMap { place in
            ["resources", "bundle"].map { place.appendingPathComponent("swift-ouro_OuroDefaultModel.\($0)") }
        }
        let source = URL(fileURLWithPath: #filePath).deletingLastPathComponent()
        for place in bundles + [source] {
            let folder = place.appendingPathComponent(name)
            if FileManager.default.fileExists(atPath: folder.path) { return folder }
        }
        throw OuroError(
            .unreadableFile, file: bundles.last?.path,
            "the default model is missing; copy this folder from the build to the executable's folder, or give a model folder"
        )
    }
}
