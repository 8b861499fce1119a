import ArgumentParser
import Foundation
import Ouro
import OuroHub

struct Download: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Download a model from a hub.",
        usage: "ouro download [<options>] <ORG/NAME>",
        discussion: """
            Files go into the Hugging Face cache. --model ORG/NAME finds them there. An interrupted download continues \
            where it stopped. The hash of every file is checked. The command prints the folder.

            These environment variables have the same meaning as in Hugging Face's tools: HF_ENDPOINT, HF_TOKEN, \
            HF_TOKEN_PATH, HF_HOME, HF_HUB_CACHE, HF_HUB_OFFLINE. Gated models need HF_TOKEN. The token is sent to the \
            hub's host only.

            HTTPS_PROXY, HTTP_PROXY and ALL_PROXY name a proxy. Its address may contain a password: \
            http://NAME:PASSWORD@HOST:PORT. NO_PROXY lists hosts to connect to without a proxy. SSL_CERT_FILE names a \
            file of trusted certificates, which replaces the system's.

            EXAMPLES
              ouro download ByteDance/Ouro-1.4B
              ouro download ByteDance/Ouro-1.4B --revision main \\
                --local-dir ./Ouro-1.4B
              ouro download ByteDance/Ouro-1.4B --exclude "*.safetensors"
              HF_TOKEN=... ouro download ORG/RESTRICTED
            """)

    @Argument(help: ArgumentHelp("The model, with an optional revision: ORG/NAME@REVISION.", valueName: "ORG/NAME"))
    var name: String

    @Option(help: "A branch, a tag or a commit (default: main).")
    var revision: String?

    @Option(
        help: ArgumentHelp(
            "Files to download; may be repeated (default: safetensors, JSON, tokenizer, chat template, licence).",
            valueName: "pattern"))
    var include: [String] = []

    @Option(help: ArgumentHelp("Files to leave out; may be repeated.", valueName: "pattern"))
    var exclude: [String] = []

    @Option(help: ArgumentHelp("Write plain files into this folder instead of the cache.", valueName: "dir"))
    var localDir: String?

    @Option(parsing: .unconditional, help: "Number of files to download at the same time.")
    var maxWorkers = 4

    @Flag(help: "Print one JSON object.")
    var json = false

    func validate() throws {
        if !(1...64).contains(maxWorkers) {
            throw ValidationError("--max-workers: expected 1 to 64, found \(maxWorkers)")
        }
        if revision != nil, name.contains("@") {
            throw ValidationError("--revision and ORG/NAME@REVISION exclude each other")
        }
    }

    func run() async throws {
        let repository =
            if let revision { try HubRepository(name, revision: revision) } else { try HubRepository(parsing: name) }
        var settings = try HubSettings()
        settings.parallelFiles = maxWorkers
        let patterns = FilePatterns(include: include.isEmpty ? FilePatterns.defaultInclude : include, exclude: exclude)
        let bar = DownloadBar(repository)
        defer { bar.clear() }
        settings.retry.report = bar.note
        let snapshot = try await Hub(settings).download(
            repository, files: patterns, to: localDir.map { URL(fileURLWithPath: $0) }, progress: bar.show)
        bar.clear()
        guard json else { return try Terminal.write(snapshot.folder.path + "\n") }
        let report = JSONOutput.object([
            "model": .string(repository.name), "revision": .string(repository.revision),
            "commit": .string(snapshot.commit), "folder": .string(snapshot.folder.path),
            "fetched_bytes": .int(snapshot.fetchedBytes),
            "files": .array(
                snapshot.files.map { .object(["path": .string($0.path), "bytes": .int($0.byteCount)]) }),
        ])
        try Terminal.write(report.text + "\n")
    }
}

/// Shows the progress of a download on standard error.
struct DownloadBar: Sendable {
    private let bar = ProgressBar()
    private let name: String
    private let start = ContinuousClock.now

    init(_ repository: HubRepository) { name = repository.name }

    func show(_ progress: HubProgress) {
        guard progress.totalBytes > 0 else { return }
        let total = Double(progress.totalBytes)
        let seconds = max((ContinuousClock.now - start) / .seconds(1), 0.001)
        let isWaiting =
            progress.waitingFiles > 0 && progress.finishedFiles + progress.waitingFiles == progress.totalFiles
        let rate =
            isWaiting
            ? "another process is downloading them" : Self.size(Double(progress.receivedBytes) / seconds) + "/s"
        let text =
            "\(name): \(progress.finishedFiles)/\(progress.totalFiles) files, "
            + "\(Self.size(Double(progress.bytes))) of \(Self.size(total)), \(rate)"
        let (share, start) = (
            Double(progress.bytes) / total, Double(progress.bytes - progress.receivedBytes) / total
        )
        // While another process downloads, the next report may come late. So this one is shown at once.
        if isWaiting { bar.show(text, share, start: start) } else { bar.showSeldom(text, share, start: start) }
    }

    /// Prints that a request failed, and when it will be repeated.
    func note(_ error: OuroError, pause: Duration) {
        bar.note("\(error); retrying in \(String(format: "%.1f", pause / .seconds(1))) s")
    }

    func clear() { bar.clear() }

    private static func size(_ bytes: Double) -> String {
        let (value, unit) = bytes < 1e6 ? (bytes / 1e3, "kB") : bytes < 1e9 ? (bytes / 1e6, "MB") : (bytes / 1e9, "GB")
        return String(format: "%.1f \(unit)", value)
    }
}
