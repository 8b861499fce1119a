import ArgumentParser
import Foundation
import Ouro
import OuroDefaultModel
import OuroHub

/// Which model: a folder, or one of a hub's.
struct ModelChoice: ParsableArguments {
    @Option(
        name: .shortAndLong,
        help: ArgumentHelp(
            "Folder of the model in Hugging Face format, or its name on a hub, from where it is downloaded once "
                + "(default: ouro-tiny, which comes with the program).",
            valueName: "dir|ORG/NAME[@revision]"))
    var model: String?

    /// `ORG/NAME` of a hub's model, the folder's own name otherwise.
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

    /// The folder of a model that is given by its path or its name. A folder that exists comes first, then the hub's cache.
    static func folder(of model: String, needsWeights: Bool = true) async throws(OuroError) -> URL {
        let local = URL(fileURLWithPath: model)
        if FileManager.default.fileExists(atPath: local.path) { return local }
        // What looks like a path was meant as one: the folder's reader says what is wrong with it.
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
                "\(error.message); and there is no folder '\(model)' here")
        }
    }
}
