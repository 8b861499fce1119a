import AsyncHTTPClient
import Foundation
import NIOCore
import NIOHTTP1
import Ouro

/// The hub's protocol: which files a model has, what their hashes are, and their bytes.
struct HubClient: Sendable {
    let http: HTTPClient
    let settings: HubSettings

    private static let redirectLimit = 10
    private static let listingLimit = 32 << 20
    private static let userAgent = "ouro/0.1"

    init(_ settings: HubSettings) {
        self.settings = settings
        var configuration = HTTPClient.Configuration(redirectConfiguration: .disallow)
        configuration.timeout = .init(connect: .seconds(10), read: .seconds(30))
        // Failed requests are repeated here, with pauses.
        configuration.connectionPool.retryConnectionEstablishment = false
        configuration.httpVersion = .http1Only
        configuration.connectionPool.concurrentHTTP1ConnectionsPerHostSoftLimit = max(8, settings.parallelFiles)
        if settings.endpoint.scheme == "https", let proxy = settings.proxy, let host = proxy.host {
            configuration.proxy = .server(host: host, port: proxy.port ?? 8080)
        }
        http = HTTPClient(eventLoopGroupProvider: .singleton, configuration: configuration)
    }

    /// The files of a model and the commit that its revision stands for.
    func listing(of repository: HubRepository) async throws(OuroError) -> HubListing {
        let url = try address(
            "/api/models/\(repository.name)/revision/\(Self.encode(repository.revision, keeping: ""))")
        return try await repeating(settings.retry) { () async throws(HubFailure) in
            let subject = HubRequestSubject(repository: repository)
            let response = try await send(.GET, url, about: subject).response
            let body: ByteBuffer
            do {
                body = try await response.body.collect(upTo: Self.listingLimit)
            } catch is NIOTooManyBytesError {
                throw HubFailure(
                    OuroError(
                        .failedDownload, file: repository.name,
                        "the hub's list of files is longer than \(Self.listingLimit) bytes"))
            } catch {
                throw HubFailure(connection: error, url: url)
            }
            do throws(OuroError) {
                return try HubListing(Data(body.readableBytesView), repository: repository)
            } catch {
                throw HubFailure(error)
            }
        }
    }

    /// The hash and the size of a file, without its bytes.
    func metadata(of file: String, in repository: HubRepository, commit: String) async throws(OuroError) -> HubFile {
        let url = try resolve(file, in: repository, commit: commit)
        return try await repeating(settings.retry) { () async throws(HubFailure) in
            let subject = HubRequestSubject(repository: repository, file: file)
            let response = try await send(.HEAD, url, about: subject).response
            do throws(OuroError) {
                return try HubFile(path: file, headers: response.headers, commit: commit)
            } catch {
                throw HubFailure(error)
            }
        }
    }

    /// The bytes of a file, from an offset on if the server can; status 200 or 206, or 416 for an offset beyond the end.
    func open(
        _ file: String, in repository: HubRepository, commit: String, from offset: Int
    ) async throws(HubFailure) -> HTTPClientResponse {
        let url: URL
        do throws(OuroError) {
            url = try resolve(file, in: repository, commit: commit)
        } catch {
            throw HubFailure(error)
        }
        let range: HTTPHeaders = offset > 0 ? ["range": "bytes=\(offset)-"] : [:]
        return try await send(.GET, url, range, about: HubRequestSubject(repository: repository, file: file)).response
    }

    /// Sends a request and follows redirects; the token stays with the endpoint's host.
    ///
    /// A `HEAD` stops at the redirect that already tells the file's hash, as the store behind it knows another one.
    private func send(
        _ method: HTTPMethod, _ start: URL, _ headers: HTTPHeaders = [:], about subject: HubRequestSubject
    ) async throws(HubFailure) -> (response: HTTPClientResponse, url: URL) {
        var url = start
        for _ in 0...Self.redirectLimit {
            var request = HTTPClientRequest(url: url.absoluteString)
            request.method = method
            request.headers = headers
            request.headers.add(name: "user-agent", value: Self.userAgent)
            // The size and the hash are those of the file, not of a compressed form of it.
            request.headers.add(name: "accept-encoding", value: "identity")
            let isEndpoint = url.hasOrigin(of: settings.endpoint)
            if let token = settings.token, isEndpoint {
                request.headers.add(name: "authorization", value: "Bearer \(token)")
            }
            let response: HTTPClientResponse
            do {
                response = try await http.execute(request, deadline: .distantFuture)
            } catch {
                throw HubFailure(connection: error, url: url)
            }
            switch response.status.code {
            case 200, 206: return (response, url)
            case 416 where headers.contains(name: "range"): return (response, url)
            case 301, 302, 303, 307, 308:
                if method == .HEAD, response.headers.contains(name: "x-linked-etag") { return (response, url) }
                url = try Self.target(of: response, from: url, about: subject)
            default:
                throw HubFailure(
                    status: response.status, headers: response.headers, url: url, what: subject, isEndpoint: isEndpoint)
            }
        }
        throw HubFailure(
            OuroError(
                .failedDownload, file: subject.file ?? subject.repository.name,
                "more than \(Self.redirectLimit) redirects; check HF_ENDPOINT"))
    }

    private static func target(
        of response: HTTPClientResponse, from url: URL, about subject: HubRequestSubject
    ) throws(HubFailure) -> URL {
        let location = response.headers.first(name: "location") ?? ""
        guard let next = URL(string: location, relativeTo: url)?.absoluteURL, let scheme = next.scheme?.lowercased(),
            scheme == "https" || (scheme == "http" && url.scheme == "http"), next.host?.isEmpty == false
        else {
            throw HubFailure(
                OuroError(
                    .failedDownload, file: subject.file ?? subject.repository.name,
                    "a redirect leads to '\(HubFailure.clean(location))'; expected an address as safe as \(url.scheme ?? "")://"
                ))
        }
        return next
    }

    private func resolve(_ file: String, in repository: HubRepository, commit: String) throws(OuroError) -> URL {
        try address("/\(repository.name)/resolve/\(commit)/\(Self.encode(file, keeping: "/"))")
    }

    private func address(_ path: String) throws(OuroError) -> URL {
        guard let url = URL(string: settings.endpoint.absoluteString + path) else {
            throw OuroError(.failedDownload, file: path, "the path does not make up an address")
        }
        return url
    }

    private static func encode(_ text: String, keeping kept: String) -> String {
        let allowed = CharacterSet(
            charactersIn: "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_.~" + kept)
        return text.addingPercentEncoding(withAllowedCharacters: allowed) ?? ""
    }
}

extension URL {
    /// Whether both have the same scheme, host and port.
    func hasOrigin(of other: URL) -> Bool {
        func port(_ url: URL) -> Int { url.port ?? (url.scheme?.lowercased() == "https" ? 443 : 80) }
        return scheme?.lowercased() == other.scheme?.lowercased() && host?.lowercased() == other.host?.lowercased()
            && port(self) == port(other)
    }
}
