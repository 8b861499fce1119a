import Foundation
import Ouro

/// The small model that comes with the package: a demonstration of adaptive depth, not Ouro.
///
/// `OuroTraining` trained it with `Recipes/ouro-tiny.yaml` on the project's synthetic tasks; the log of the training lies
/// beside it. Its folder has the published format, so everything that takes a model folder takes it:
///
/// ```swift
/// let engine = try Engine(modelAt: DefaultModel.folder())
/// ```
public enum DefaultModel {
    /// What it is called where models have names.
    public static let name = "ouro-tiny"

    /// A question it answers at the last of its loops: where four arrows from m lead.
    public static let prompt = "qe em mb bz zw wt tc cs so ok ky yq?m>>>>"

    /// The folder with `config.json`, `model.safetensors` and `tokenizer.json`: beside the executable, where the build puts
    /// the package's resources, or in the package's sources.
    ///
    /// - Throws: ``OuroError`` with code `unreadableFile` if an executable was copied without its resources.
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
            "the default model is not there; put this folder of the build beside the executable, or name a model folder"
        )
    }
}
