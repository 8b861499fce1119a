import Foundation
import NIOCore
import NIOHTTP1
import NIOPosix
import Ouro
import Synchronization

@testable import OuroHub

/// A hub on this machine with one model, `org/model`. A test can replace its answers by wrong ones.
final class FakeHub: Sendable {
    struct Request: Sendable {
        let method: HTTPMethod
        let uri: String
        let headers: HTTPHeaders
        /// The number of earlier requests with this method and path.
        var earlier: Int

        /// The path of the URI, without the host that a request to a proxy contains.
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
        /// Closes the connection after this many bytes of the body.
        var cutAfter: Int?
        /// The time to wait before answering.
        var delay = TimeAmount.zero
    }

    static let commit = String(repeating: "0123456789", count: 4)

    let files: [String: [UInt8]]
    /// The hub that stores large files. If nil, this hub sends them itself.
    let store: FakeHub?
    let requests = Mutex<[Request]>([])
    /// The number of accepted connections.
    let connections = Mutex(0)
    private let override: @Sendable (Request, FakeHub) -> Response?
    private let channel = Mutex<(any Channel)?>(nil)

    /// - Parameter override: returns another answer to a request, or nil for the right answer.
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

    /// Stops listening. Returns when the port is closed.
    func close() async throws { try await channel.withLock { $0 }?.close() }

    func stop() { channel.withLock { $0 }?.close(promise: nil) }

    var port: Int { channel.withLock { $0?.localAddress?.port ?? 0 } }
    var address: String { "http://127.0.0.1:\(port)" }

    /// The files of a model. Its weights are too long for one read.
    static let modelFiles: [String: [UInt8]] = [
        "config.json": Array("{}".utf8), "tokenizer.json": Array("{\"a\":1}".utf8), "README.md": Array("# M".utf8),
        "pytorch_model.bin": Array(repeating: 9, count: 100), "sub/extra.json": Array("[]".utf8),
        "model.safetensors": (0..<300_000).map { UInt8(truncatingIfNeeded: $0 &* 2_654_435_761 >> 11) },
    ]

    static func sha256(_ bytes: [UInt8]) -> String { hash(bytes, digits: 64) }
    static func git(_ bytes: [UInt8]) -> String { hash(bytes, digits: 40) }

    /// `HashTests` compares these hashes with published ones.
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

/// A new home for a cache. It is deleted together with this value.
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

    /// The bytes of a file of the snapshot, or nil if there is no such file.
    func bytes(_ name: String) -> [UInt8]? {
        (try? Data(contentsOf: snapshot.appendingPathComponent(name))).map(Array.init)
    }

    /// The names of all files in the cache's blobs folder.
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

/// Returns the error that the body throws, or nil.
func hubError(_ body: () async throws(OuroError) -> some Any) async -> OuroError? {
    do throws(OuroError) {
        _ = try await body()
        return nil
    } catch {
        return error
    }
}
