import Foundation
import NIOCore
import NIOHTTP1
import NIOPosix
import Ouro
import Synchronization

@testable import OuroHub

/// A hub on this machine with one model, `org/model`, that can be told to misbehave.
final class FakeHub: Sendable {
    struct Request: Sendable {
        let method: HTTPMethod
        let uri: String
        let headers: HTTPHeaders
        /// How many requests with this method and path came before.
        var earlier: Int

        /// Without the host that a request to a proxy names.
        var path: String {
            let path = uri.split(separator: "?")[0]
            return path.hasPrefix("http://")
                ? "/" + path.split(separator: "/").dropFirst(2).joined(separator: "/") : String(path)
        }
        func isFile(_ name: String, _ method: HTTPMethod = .GET) -> Bool {
            self.method == method && path.hasSuffix("/" + name)
        }
    }

    struct Response: Sendable {
        var status: HTTPResponseStatus = .ok
        var headers: HTTPHeaders = [:]
        var body: [UInt8] = []
        /// Close the connection after so many bytes of the body.
        var cutAfter: Int?
        /// Wait before answering.
        var delay = TimeAmount.zero
    }

    static let commit = String(repeating: "0123456789", count: 4)

    let files: [String: [UInt8]]
    /// Where large files are stored; nil to send them from here.
    let store: FakeHub?
    let requests = Mutex<[Request]>([])
    /// Connections that were accepted.
    let connections = Mutex(0)
    private let override: @Sendable (Request, FakeHub) -> Response?
    private let channel = Mutex<(any Channel)?>(nil)

    /// - Parameter override: answers a request in another way; nil for the right one.
    init(
        files: [String: [UInt8]] = FakeHub.modelFiles, store: FakeHub? = nil,
        override: @escaping @Sendable (Request, FakeHub) -> Response? = { _, _ in nil }
    ) async throws {
        (self.files, self.store, self.override) = (files, store, override)
        let channel = try await ServerBootstrap(group: MultiThreadedEventLoopGroup.singleton)
            .serverChannelOption(.socketOption(.so_reuseaddr), value: 1)
            .childChannelInitializer { channel in
                self.connections.withLock { $0 += 1 }
                return channel.eventLoop.makeCompletedFuture {
                    try channel.pipeline.syncOperations.configureHTTPServerPipeline()
                    try channel.pipeline.syncOperations.addHandler(Handler(hub: self))
                }
            }
            .bind(host: "127.0.0.1", port: 0).get()
        self.channel.withLock { $0 = channel }
    }

    /// Returns when nothing listens any more.
    func close() async throws { try await channel.withLock { $0 }?.close() }

    func stop() { channel.withLock { $0 }?.close(promise: nil) }

    var port: Int { channel.withLock { $0?.localAddress?.port ?? 0 } }
    var address: String { "http://127.0.0.1:\(port)" }

    /// A model whose weights take several reads.
    static let modelFiles: [String: [UInt8]] = [
        "config.json": Array("{}".utf8), "tokenizer.json": Array("{\"a\":1}".utf8), "README.md": Array("# M".utf8),
        "pytorch_model.bin": Array(repeating: 9, count: 100), "sub/extra.json": Array("[]".utf8),
        "model.safetensors": (0..<300_000).map { UInt8(truncatingIfNeeded: $0 &* 2_654_435_761 >> 11) },
    ]

    static func sha256(_ bytes: [UInt8]) -> String { hash(bytes, digits: 64) }
    static func git(_ bytes: [UInt8]) -> String { hash(bytes, digits: 40) }

    /// `HashTests` hold these hashes against published ones.
    private static func hash(_ bytes: [UInt8], digits: Int) -> String {
        var hash = ContentHash(
            HubFile(path: "", byteCount: bytes.count, etag: String(repeating: "0", count: digits)))
        bytes.withUnsafeBytes { hash.update($0) }
        return hash.digest
    }

    fileprivate func answer(_ method: HTTPMethod, _ uri: String, _ headers: HTTPHeaders) -> Response {
        let request = requests.withLock { requests in
            var request = Request(method: method, uri: uri, headers: headers, earlier: 0)
            request.earlier = requests.count { $0.method == method && $0.path == request.path }
            requests.append(request)
            return request
        }
        return override(request, self) ?? rightAnswer(request)
    }

    func rightAnswer(_ request: Request) -> Response {
        if request.path.hasPrefix("/api/models/org/model/revision/") {
            let siblings = files.keys.sorted().map { "{\"rfilename\":\"\($0)\"}" }.joined(separator: ",")
            let text = "{\"id\":\"org/model\",\"sha\":\"\(Self.commit)\",\"siblings\":[\(siblings)]}"
            return Response(headers: ["content-type": "application/json"], body: Array(text.utf8))
        }
        let prefix = "/org/model/resolve/\(Self.commit)/"
        let isStore = request.path.hasPrefix("/store/")
        guard isStore || request.path.hasPrefix(prefix),
            let bytes = files[String(request.path.dropFirst(isStore ? 7 : prefix.count))]
        else { return Response(status: .notFound, headers: ["x-error-code": "EntryNotFound"]) }
        let name = String(request.path.dropFirst(isStore ? 7 : prefix.count))
        let isLarge = name.hasSuffix(".safetensors")
        var headers: HTTPHeaders = ["x-repo-commit": Self.commit]
        if isLarge, !isStore {
            headers.add(name: "x-linked-etag", value: "\"\(Self.sha256(bytes))\"")
            headers.add(name: "x-linked-size", value: "\(bytes.count)")
            if let store {
                headers.add(name: "location", value: "http://localhost:\(store.port)/store/\(name)?signature=secret")
                return Response(status: .found, headers: headers)
            }
        }
        headers.add(
            name: "etag", value: isStore ? "\"of-the-store\"" : "\"\(isLarge ? Self.sha256(bytes) : Self.git(bytes))\"")
        if let range = request.headers.first(name: "range"), let start = Int(range.dropFirst(6).dropLast()) {
            guard start < bytes.count else { return Response(status: .rangeNotSatisfiable) }
            headers.add(name: "content-range", value: "bytes \(start)-\(bytes.count - 1)/\(bytes.count)")
            return Response(status: .partialContent, headers: headers, body: Array(bytes[start...]))
        }
        return Response(headers: headers, body: bytes)
    }

    private final class Handler: ChannelInboundHandler {
        typealias InboundIn = HTTPServerRequestPart
        typealias OutboundOut = HTTPServerResponsePart

        private let hub: FakeHub
        private var head: HTTPRequestHead?

        init(hub: FakeHub) { self.hub = hub }

        func channelRead(context: ChannelHandlerContext, data: NIOAny) {
            switch unwrapInboundIn(data) {
            case .head(let head): self.head = head
            case .body: break
            case .end:
                guard let head else { return }
                let response = hub.answer(head.method, head.uri, head.headers)
                let bound = NIOLoopBound((self, context), eventLoop: context.eventLoop)
                context.eventLoop.scheduleTask(in: response.delay) {
                    let (handler, context) = bound.value
                    handler.write(response, to: head, context: context)
                }
            }
        }

        private func write(_ response: Response, to request: HTTPRequestHead, context: ChannelHandlerContext) {
            var head = HTTPResponseHead(version: .http1_1, status: response.status, headers: response.headers)
            if !head.headers.contains(name: "content-length") {
                head.headers.add(name: "content-length", value: "\(response.body.count)")
            }
            context.write(wrapOutboundOut(.head(head)), promise: nil)
            let body = response.body.prefix(response.cutAfter ?? response.body.count)
            if request.method != .HEAD {
                context.write(wrapOutboundOut(.body(.byteBuffer(ByteBuffer(bytes: body)))), promise: nil)
            }
            if response.cutAfter != nil {
                context.flush()
                context.close(promise: nil)
            } else {
                context.writeAndFlush(wrapOutboundOut(.end(nil)), promise: nil)
            }
        }

        func errorCaught(context: ChannelHandlerContext, error: any Error) { context.close(promise: nil) }
    }
}

/// A fresh home for a cache, removed at the end.
final class TemporaryHome: Sendable {
    let url = FileManager.default.temporaryDirectory.appendingPathComponent("ouro-hub-\(UUID().uuidString)")

    deinit { try? FileManager.default.removeItem(at: url) }

    func settings(_ hub: FakeHub, token: String? = nil, offline: Bool = false) throws -> HubSettings {
        var environment = ["HF_HOME": url.path, "HF_ENDPOINT": hub.address]
        environment["HF_TOKEN"] = token
        environment["HF_HUB_OFFLINE"] = offline ? "1" : "0"
        var settings = try HubSettings(environment: environment)
        settings.retry.firstPause = .milliseconds(1)
        settings.retry.attempts = 4
        return settings
    }

    var modelFolder: URL { url.appendingPathComponent("hub/models--org--model") }
    var snapshot: URL { modelFolder.appendingPathComponent("snapshots/\(FakeHub.commit)") }

    /// Bytes of a file of the snapshot.
    func bytes(_ name: String) -> [UInt8]? {
        (try? Data(contentsOf: snapshot.appendingPathComponent(name))).map(Array.init)
    }

    /// Names of everything in the cache's blobs.
    var blobs: [String] {
        ((try? FileManager.default.contentsOfDirectory(atPath: modelFolder.appendingPathComponent("blobs").path)) ?? [])
            .sorted()
    }
}

extension HubRepository {
    static let sample: HubRepository = {
        do { return try HubRepository("org/model") } catch { fatalError("\(error)") }
    }()
}

/// The error that the body throws; nil if none.
func hubError(_ body: () async throws(OuroError) -> some Any) async -> OuroError? {
    do throws(OuroError) {
        _ = try await body()
        return nil
    } catch {
        return error
    }
}
