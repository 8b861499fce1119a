import Foundation
import Ouro

/// The hub's protocol: lists a model's files, reads their hashes, and reads their bytes.
struct HubClient: Sendable {
    let web: WebClient
    let settings: HubSettings

    private static let redirectLimit = 10
    private static let listingLimit = 32 << 20
    private static let userAgent = "ouro/0.1"

    init(_ settings: HubSettings) {
        self.settings = settings
        web = WebClient(proxies: settings.proxies, certificates: settings.certificates)
    }

    /// Gets the list of a model's files, and the commit that the revision names.
    func listing(of repository: HubRepository) async throws(OuroError) -> HubListing {
        let url = try address(
            "/api/models/\(repository.name)/revision/\(Self.encode(repository.revision, keeping: ""))")
        return try await repeating(settings.retry) { () async throws(HubFailure) in
            let subject = HubRequestSubject(repository: repository)
            let body = BodyCollector(limit: Self.listingLimit, file: repository.name)
            _ = try await send(WebRequest(url: url), about: subject, into: body)
            do throws(OuroError) {
                return try HubListing(body.data, repository: repository)
            } catch {
                throw HubFailure(error)
            }
        }
    }

    /// Gets the hash and the size of a file, without its bytes.
    func metadata(of file: String, in repository: HubRepository, commit: String) async throws(OuroError) -> HubFile {
        let url = try resolve(file, in: repository, commit: commit)
        return try await repeating(settings.retry) { () async throws(HubFailure) in
            let subject = HubRequestSubject(repository: repository, file: file)
            let head = try await send(WebRequest(url: url, isHead: true), about: subject)
            do throws(OuroError) {
                return try HubFile(path: file, headers: head.fields, commit: commit)
            } catch {
                throw HubFailure(error)
            }
        }
    }

    /// Passes the bytes of a file to a sink. They begin at `offset`, if the server supports that.
    ///
    /// The status is 200 for the whole file, 206 for a part, or 416 for an offset beyond the end.
    func open(
        _ file: String, in repository: HubRepository, commit: String, from offset: Int, into sink: any WebSink
    ) async throws(HubFailure) {
        var request: WebRequest
        do throws(OuroError) {
            request = WebRequest(url: try resolve(file, in: repository, commit: commit))
        } catch {
            throw HubFailure(error)
        }
        if offset > 0 {
            request.fields.add("Range", "bytes=\(offset)-")
            request.wanted.insert(416)
        }
        _ = try await send(request, about: HubRequestSubject(repository: repository, file: file), into: sink)
    }

    /// Sends a request and follows redirects. The token is sent to the endpoint's host only.
    ///
    /// A `HEAD` request stops at a redirect with the file's hash. The store behind the redirect reports another hash.
    private func send(
        _ start: WebRequest, about subject: HubRequestSubject, into sink: (any WebSink)? = nil
    ) async throws(HubFailure) -> WebHead {
        var url = start.url
        for _ in 0...Self.redirectLimit {
            var request = start
            request.url = url
            request.fields.add("User-Agent", Self.userAgent)
            // The size and the hash are those of the uncompressed file.
            request.fields.add("Accept-Encoding", "identity")
            let isEndpoint = url.hasOrigin(of: settings.endpoint)
            if let token = settings.token, isEndpoint { request.fields.add("Authorization", "Bearer \(token)") }
            let head: WebHead
            do throws(WebError) {
                head = try await web.exchange(request, into: sink)
            } catch {
                switch error {
                case .failed(let failure): throw HubFailure(failure, url: url)
                case .refused(let failure): throw failure
                }
            }
            switch head.status {
            case let status where request.wanted.contains(status): return head
            case 301, 302, 303, 307, 308:
                if request.isHead, head.fields.first("x-linked-etag") != nil { return head }
                url = try Self.target(of: head, from: url, about: subject)
            default:
                throw HubFailure(head, url: url, what: subject, isEndpoint: isEndpoint)
            }
        }
        throw HubFailure(
            OuroError(
                .failedDownload, file: subject.file ?? subject.repository.name,
                "more than \(Self.redirectLimit) redirects; check HF_ENDPOINT"))
    }

    private static func target(
        of head: WebHead, from url: URL, about subject: HubRequestSubject
    ) throws(HubFailure) -> URL {
        let location = head.fields.first("location") ?? ""
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
            throw OuroError(.failedDownload, file: path, "the path does not form a valid address")
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

/// Keeps a response's body in memory.
private final class BodyCollector: WebSink {
    private(set) var data = Data()
    private let limit: Int
    private let file: String

    init(limit: Int, file: String) { (self.limit, self.file) = (limit, file) }

    func begin(_ head: WebHead) { data.removeAll() }

    func receive(_ bytes: UnsafeRawBufferPointer) throws(HubFailure) {
        guard bytes.count <= limit - data.count else {
            throw HubFailure(
                OuroError(.failedDownload, file: file, "the hub's list of files is longer than \(limit) bytes"))
        }
        data.append(contentsOf: bytes)
    }
}
