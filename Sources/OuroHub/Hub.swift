import Foundation
import Ouro

/// Downloads models from a hub into the local cache.
///
/// ```swift
/// let hub = Hub(try HubSettings())
/// let folder = try await hub.model(HubRepository("ByteDance/Ouro-1.4B"))
/// let engine = try Engine(modelAt: folder)
/// ```
///
/// Downloads use the system's libcurl, which is loaded when the first download starts. Swift's tools on Linux need libcurl
/// too, macOS has it, and `Containerfile` installs it. iOS does not have it, so an app on iOS must contain its model's
/// folder.
public struct Hub: Sendable {
    /// The hub's address, the token, the cache and the proxies.
    public let settings: HubSettings

    /// Makes a hub with these settings. It uses no network yet.
    public init(_ settings: HubSettings) { self.settings = settings }

    /// Returns the folder of a model, and downloads the files that the cache lacks.
    ///
    /// If the cache has the whole model, no request is sent to the hub.
    ///
    /// - Parameters:
    ///   - repository: the model and its revision.
    ///   - needsWeights: whether weights are needed, or only the configuration and the tokenizer.
    ///   - progress: called often, from any thread.
    /// - Throws: `OuroError` with code `failedDownload` or `unwritableFile`.
    public func model(
        _ repository: HubRepository, needsWeights: Bool = true,
        progress: @escaping @Sendable (HubProgress) -> Void = { _ in }
    ) async throws(OuroError) -> URL {
        let cached = cachedSnapshot(of: repository)
        let missing = cached.map { missingFile(in: $0, needsWeights: needsWeights) } ?? "the model"
        let isWhole = missing == nil
        // Another tool may have downloaded only some of the files. Without a tokenizer, the hub is asked for the rest. If
        // the hub has no tokenizer either, the model is still usable.
        if let cached, isWhole, settings.isOffline || Self.has("tokenizer.json", in: cached) { return cached }
        if settings.isOffline {
            let found = cached.map { "in \($0.path)" } ?? "in \(settings.cache.path)"
            throw OuroError(
                .failedDownload, file: repository.name,
                "HF_HUB_OFFLINE is set and \(missing ?? "the model") is not \(found); run `ouro download "
                    + "\(repository.name)` where there is a network, or unset it")
        }
        let files = needsWeights ? FilePatterns() : .withoutWeights
        let folder: URL
        do {
            folder = try await download(repository, files: files, progress: progress).folder
        } catch {
            guard let cached, isWhole else { throw error }
            return cached
        }
        if let missing = missingFile(in: folder, needsWeights: needsWeights) {
            throw OuroError(
                .failedDownload, file: repository.name,
                "the hub's model has no \(missing); expected a model in Hugging Face format with safetensors")
        }
        return folder
    }

    /// Returns the folder of a model in the cache, or nil if there is none. Files may be missing in it.
    public func cachedSnapshot(of repository: HubRepository) -> URL? {
        HubCache(root: settings.cache, repository: repository).snapshot
    }

    /// Downloads the selected files that the cache, or the given folder, lacks.
    ///
    /// - Parameters:
    ///   - repository: the model and its revision.
    ///   - patterns: selects the files.
    ///   - localFolder: a folder for plain files, which replaces the cache. Nil uses the cache.
    ///   - progress: called often, from any thread.
    /// - Returns: the folder, its commit and its files.
    /// - Throws: `OuroError` with code `failedDownload` or `unwritableFile`. The downloaded bytes stay, and the next call
    ///   continues with them.
    public func download(
        _ repository: HubRepository, files patterns: FilePatterns = FilePatterns(), to localFolder: URL? = nil,
        progress: @escaping @Sendable (HubProgress) -> Void = { _ in }
    ) async throws(OuroError) -> HubSnapshot {
        guard !settings.isOffline else {
            throw OuroError(
                .failedDownload, file: repository.name, "HF_HUB_OFFLINE is set, which forbids downloads; unset it")
        }
        return try await download(
            repository, patterns, localFolder, client: HubClient(settings), progress: progress)
    }

    private func download(
        _ repository: HubRepository, _ patterns: FilePatterns, _ localFolder: URL?, client: HubClient,
        progress: @escaping @Sendable (HubProgress) -> Void
    ) async throws(OuroError) -> HubSnapshot {
        let listing = try await client.listing(of: repository)
        let wanted = listing.files.filter(patterns.matches)
        guard !wanted.isEmpty else {
            throw OuroError(
                .failedDownload, file: repository.name,
                "none of its \(listing.files.count) files matches \(patterns.include.joined(separator: ", "))"
                    + (patterns.exclude.isEmpty ? "" : " without \(patterns.exclude.joined(separator: ", "))"))
        }
        let limit = max(1, settings.parallelFiles)
        let files = try await concurrently(wanted, limit: limit) { path throws(OuroError) in
            try await client.metadata(of: path, in: repository, commit: listing.commit)
        }
        let cache = HubCache(root: settings.cache, repository: repository)
        @Sendable func placement(_ file: HubFile) -> FilePlacement {
            localFolder.map { FilePlacement(of: file, inLocalFolder: $0) } ?? cache.placement(of: file)
        }
        let absent = files.filter { PartialFile.byteCount(at: placement($0).final) != $0.byteCount }
        var present: ExactDictionary<Int> = [:]
        for file in absent {
            present[file.path] = min(PartialFile.byteCount(at: placement(file).partial) ?? 0, file.byteCount)
        }
        let missing = absent.reduce(0) { $0 + $1.byteCount } - present.values.reduce(0, +)
        try checkSpace(missing, at: localFolder ?? settings.cache)
        // In the user's own folder, a file of the right size may have other bytes.
        let suspects = localFolder == nil ? absent : files
        let counter = ProgressCounter(suspects, present: present, report: progress)
        _ = try await concurrently(suspects, limit: limit) { file throws(OuroError) in
            try await FileTransfer(
                client: client, repository: repository, commit: listing.commit, file: file,
                placement: placement(file), checksExisting: localFolder != nil, progress: counter
            ).run()
        }
        let folder: URL
        if let localFolder { folder = localFolder } else { folder = try cache.link(files, commit: listing.commit) }
        return HubSnapshot(
            repository: repository, commit: listing.commit,
            folder: folder,
            files: files.map { HubSnapshot.File(path: $0.path, byteCount: $0.byteCount) }, fetchedBytes: missing)
    }

    /// Checks that the download fits on the disk.
    private func checkSpace(_ bytes: Int, at folder: URL) throws(OuroError) {
        try makeFolder(folder)
        let attributes = try? FileManager.default.attributesOfFileSystem(forPath: folder.path)
        guard let free = (attributes?[.systemFreeSize] as? NSNumber)?.int64Value, bytes > free else { return }
        throw OuroError(
            .unwritableFile, file: folder.path,
            "the download needs \(bytes) bytes more, but the disk has \(free) free; make room, or choose another "
                + "folder with HF_HOME or --local-dir")
    }

    private static func has(_ name: String, in folder: URL) -> Bool {
        FileManager.default.fileExists(atPath: folder.appendingPathComponent(name).path)
    }

    /// A file that is missing in a model's folder, or nil if none is missing.
    private func missingFile(in folder: URL, needsWeights: Bool) -> String? {
        func has(_ name: String) -> Bool { Self.has(name, in: folder) }
        guard has("config.json") else { return "config.json" }
        guard needsWeights else { return nil }
        guard has(ShardIndex.name) else { return has("model.safetensors") ? nil : "model.safetensors" }
        guard let index = try? ShardIndex(contentsOf: folder.appendingPathComponent(ShardIndex.name)) else {
            return nil
        }
        return index.shardNames.first { !has($0) }
    }
}

/// The result of a download.
public struct HubSnapshot: Sendable {
    /// A file of the model.
    public struct File: Sendable {
        /// The path inside the model's folder.
        public let path: String
        /// The size in bytes.
        public let byteCount: Int
    }

    /// The model and the revision that was requested.
    public let repository: HubRepository
    /// The commit that the revision named at the time of the download.
    public let commit: String
    /// The folder with the files.
    public let folder: URL
    /// All selected files.
    public let files: [File]
    /// The number of bytes that were downloaded.
    public let fetchedBytes: Int
}

/// Runs the body for every element, at most `limit` concurrently. The first error cancels the rest. Results have the order of
/// the elements.
private func concurrently<Element: Sendable, Value: Sendable>(
    _ elements: [Element], limit: Int, _ body: @escaping @Sendable (Element) async throws(OuroError) -> Value
) async throws(OuroError) -> [Value] {
    do {
        return try await withThrowingTaskGroup(of: (Int, Value).self) { group in
            var results: [Value?] = elements.map { _ in nil }
            for (index, element) in elements.enumerated() {
                if index >= limit, let (done, value) = try await group.next() { results[done] = value }
                group.addTask { (index, try await body(element)) }
            }
            while let (done, value) = try await group.next() { results[done] = value }
            return results.compactMap { $0 }
        }
    } catch let error as OuroError {
        throw error
    } catch {
        throw OuroError(.failedDownload, "cancelled")
    }
}
