import Foundation
import Ouro

/// The folder with a training's checkpoints. Only the newest few are kept.
struct CheckpointFolder {
    let url: URL

    init(_ output: URL) { url = output.appendingPathComponent("checkpoints") }

    /// The checkpoints, oldest first.
    var files: [URL] {
        let names = (try? FileManager.default.contentsOfDirectory(atPath: url.path)) ?? []
        return names.filter { $0.hasPrefix("step-") && $0.hasSuffix(".safetensors") }.sorted()
            .map { url.appendingPathComponent($0) }
    }

    func file(step: Int) -> URL {
        url.appendingPathComponent("step-\(step.digits(12)).safetensors")
    }

    func create() throws(OuroError) {
        do {
            try FileManager.default.createDirectory(at: url, withIntermediateDirectories: true)
        } catch {
            throw OuroError(
                .unwritableFile, file: url.path, "the folder cannot be created: \(error.localizedDescription)")
        }
    }

    /// Removes all checkpoints except the newest `count`, and the partial files of writers that were killed.
    func keep(_ count: Int) {
        for file in files.dropLast(count) { try? FileManager.default.removeItem(at: file) }
        let names = (try? FileManager.default.contentsOfDirectory(atPath: url.path)) ?? []
        for name in names where name.hasPrefix(".step-") && name.hasSuffix(".partial") {
            try? FileManager.default.removeItem(at: url.appendingPathComponent(name))
        }
    }
}
