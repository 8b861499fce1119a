import Foundation
import Ouro
import OuroKernels

/// The output folder of a quantised model, with its finished files and the files of an interrupted run.
///
/// An incomplete model has a subfolder `.partial`. It holds the fingerprint of the run and a file for each finished
/// layer.
struct QuantisationFolder {
    let url: URL
    /// Whether the folder had an interrupted run with other settings, whose files were removed.
    let startedAnew: Bool
    private let partial: URL

    static let partialName = ".partial"
    private static let planName = "plan.json"

    /// Prepares the folder for a run.
    ///
    /// - Parameters:
    ///   - url: the folder.
    ///   - source: the folder of the model to quantise.
    ///   - fingerprint: a hash of everything that the result depends on. Files of a run with another fingerprint are
    ///     removed.
    ///   - replacesFiles: whether the folder may contain other files.
    /// - Throws: `OuroError` with code `unwritableFile` if the folder is the model's own, contains other files, or
    ///   cannot be written.
    init(_ url: URL, source: URL, fingerprint: String, replacesFiles: Bool) throws(OuroError) {
        self.url = url
        partial = url.appendingPathComponent(Self.partialName)
        guard Self.resolved(url) != Self.resolved(source) else {
            throw OuroError(
                .unwritableFile, file: url.path, "this is the folder of the model itself; choose another folder")
        }
        let manager = FileManager.default
        var isDirectory: ObjCBool = false
        if manager.fileExists(atPath: url.path, isDirectory: &isDirectory), !isDirectory.boolValue {
            throw OuroError(.unwritableFile, file: url.path, "expected a folder, found a file")
        }
        let found = Self.fingerprint(in: partial)
        let names = (try? manager.contentsOfDirectory(atPath: url.path)) ?? []
        guard found != nil || replacesFiles || names.allSatisfy({ $0 == Self.partialName }) else {
            throw OuroError(
                .unwritableFile, file: url.path,
                "the folder is not empty; choose another folder, or allow its files to be replaced")
        }
        startedAnew = found != nil && found != fingerprint
        // Old or unfinished weight files must not remain beside the new ones.
        for name in names where Self.isWeights(name) { try Self.remove(url.appendingPathComponent(name)) }
        guard found != fingerprint else { return }
        if names.contains(Self.partialName) { try Self.remove(partial) }
        do {
            try manager.createDirectory(at: partial, withIntermediateDirectories: true)
        } catch {
            throw OuroError(
                .unwritableFile, file: url.path, "the folder cannot be created: \(error.localizedDescription)")
        }
        let plan = JSONOutput.object(["fingerprint": .string(fingerprint)]).text
        try AtomicFile.write(Data(plan.utf8), to: partial.appendingPathComponent(Self.planName))
    }

    // MARK: finished layers

    /// The weights of a finished layer; nil if the layer is not finished, or if its file is not as expected.
    func layer(_ index: Int, plan: QuantisationPlan) -> SafetensorsFile? {
        guard let file = try? SafetensorsFile(contentsOf: layerURL(index)) else { return nil }
        for entry in Self.entries(ofLayer: index, plan) {
            guard let setting = entry.setting else { continue }
            for part in Checkpoint.quantisedParts(of: entry.name, shape: entry.shape, setting) {
                guard file.tensors[part.name]?.shape == part.shape else { return nil }
            }
        }
        return file
    }

    func write(_ weights: [String: QuantisedMatrix], layer index: Int) throws(OuroError) {
        let tensors = weights.flatMap { $0.value.tensors(named: $0.key) }
        let writer = try SafetensorsWriter(to: layerURL(index), tensors: tensors.map(\.0))
        for (declaration, bytes) in tensors { try writer.write(declaration.name, bytes) }
        try writer.finish()
    }

    /// The plan's entries for the quantised weights of a layer.
    static func entries(ofLayer index: Int, _ plan: QuantisationPlan) -> [QuantisationPlan.Entry] {
        let names = Set(LayerInput.allCases.flatMap { plan.weights($0, layer: index) })
        return plan.entries.filter { names.contains($0.name) && $0.setting != nil }
    }

    /// The weights in a layer's file. They are valid as long as the file is open.
    static func sources(
        of entries: [QuantisationPlan.Entry], in file: SafetensorsFile
    ) throws(OuroError) -> [String: WeightSource] {
        var result: [String: WeightSource] = [:]
        for entry in entries {
            guard let setting = entry.setting else { continue }
            var parts: [UnsafeRawPointer] = []
            var element: ouro_element?
            for part in Checkpoint.quantisedParts(of: entry.name, shape: entry.shape, setting) {
                guard let info = file.tensors[part.name], let base = try file.bytes(of: info).baseAddress else { break }
                parts.append(base)
                element = info.elementType.kernelElement
            }
            guard parts.count == 3, let element else {
                throw OuroError(
                    .invalidCheckpoint, file: file.memory.file.path, field: entry.name,
                    "the quantised weight is incomplete; delete the file and run the command again")
            }
            result[entry.name] = WeightSource(
                storage: .groups(
                    WeightSource.AffineGroups(
                        words: parts[0], scales: parts[1], biases: parts[2], scaleElement: element, bits: setting.bits,
                        groupSize: setting.groupSize)),
                rows: entry.shape[0], columns: entry.shape[1])
        }
        return result
    }

    /// Removes the files that only an incomplete model needs.
    func complete() throws(OuroError) { try Self.remove(partial) }

    private func layerURL(_ index: Int) -> URL { partial.appendingPathComponent("layer-\(index).safetensors") }

    // MARK: other files

    /// Copies the tokenizer, the template and similar files.
    func copyCompanions(from source: ModelFolder) throws(OuroError) {
        try DerivedFolder.copyCompanions(from: source, to: url)
    }

    func write(_ data: Data, named name: String) throws(OuroError) {
        try AtomicFile.write(data, to: url.appendingPathComponent(name))
    }

    private static func remove(_ url: URL) throws(OuroError) {
        do {
            try FileManager.default.removeItem(at: url)
        } catch {
            throw OuroError(
                .unwritableFile, file: url.path, "the file cannot be removed: \(error.localizedDescription)")
        }
    }

    /// Whether a file is a checkpoint file, or the unfinished checkpoint file of an interrupted run.
    private static func isWeights(_ name: String) -> Bool {
        name == ShardIndex.name || name.hasPrefix("model") && name.hasSuffix(".safetensors")
            || name.hasPrefix(".") && name.hasSuffix(".partial") && name != partialName
    }

    private static func fingerprint(in partial: URL) -> String? {
        let url = partial.appendingPathComponent(planName)
        let plan = try? JSONValue(contentsOf: url, limit: 1 << 16, code: .unreadableFile)
        guard case .string(let fingerprint)? = plan?["fingerprint"] else { return nil }
        return fingerprint
    }

    private static func resolved(_ url: URL) -> String { url.resolvingSymlinksInPath().standardizedFileURL.path }
}
