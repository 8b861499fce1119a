import ArgumentParser
import Foundation
import Ouro
import OuroDefaultModel
import OuroHub

/// The option that chooses a model: a folder, or a name on a hub.
struct ModelChoice: ParsableArguments {
    @Option(
        name: .shortAndLong,
        help: ArgumentHelp(
            "Folder of a model in Hugging Face format, or name of a model on a hub. A named model is downloaded once "
                + "(default: the bundled model ouro-tiny).",
            valueName: "dir|ORG/NAME[@revision]"))
    var model: String?

    /// `ORG/NAME` for a model from a hub, else the folder's name.
    var name: String {
        guard let model else { return DefaultModel.name }
        let local = URL(fileURLWithPath: model)
        guard !FileManager.default.fileExists(atPath: local.path), let repository = try? HubRepository(parsing: model)
        else { return local.lastPathComponent }
        return repository.name
    }

    func folder(needsWeights: Bool = true) async throws(OuroError) -> URL {
        guard let model else { return try DefaultModel.folder() }
        return try await Self.folder(of: model, needsWeights: needsWeights)
    }

    /// Returns the folder of a model, given its path or its name.
    ///
    /// An existing folder comes first, then the hub's cache, then a download.
    static func folder(of model: String, needsWeights: Bool = true) async throws(OuroError) -> URL {
        let local = URL(fileURLWithPath: model)
        if FileManager.default.fileExists(atPath: local.path) { return local }
        // Text that is not a model name is a path. The folder's reader reports its error.
        guard let repository = try? HubRepository(parsing: model) else { return local }
        let bar = DownloadBar(repository)
        defer { bar.clear() }
        do throws(OuroError) {
            var settings = try HubSettings()
            settings.retry.report = bar.note
            return try await Hub(settings).model(repository, needsWeights: needsWeights, progress: bar.show)
        } catch {
            throw OuroError(
                error.code, file: error.file, field: error.field,
                "\(error.message); there is also no folder '\(model)'")
        }
    }
}
