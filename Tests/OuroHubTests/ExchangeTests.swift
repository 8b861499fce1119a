import Foundation
import NIOHTTP1
import Ouro
import Synchronization
import Testing

@testable import OuroHub

/// Tests how an HTTP exchange ends if no answer comes, if too much comes, or if it is cancelled.
@Suite struct ExchangeTests {
    private let home = TemporaryHome()

    /// A hub that never answers, and a stream of the requests that it receives.
    private func silentHub() async throws -> (hub: FakeHub, requests: AsyncStream<Void>) {
        let (requests, continuation) = AsyncStream.makeStream(of: Void.self)
        let hub = try await FakeHub { _, _ in
            continuation.yield()
            return FakeHub.Response(delay: .hours(24))
        }
        return (hub, requests)
    }

    @Test func aCancelledDownloadEnds() async throws {
        let (hub, requests) = try await silentHub()
        defer { hub.stop() }
        let settings = try home.settings(hub)
        let download = Task {
            await hubError { () throws(OuroError) in try await Hub(settings).download(.sample) }
        }
        for await _ in requests.prefix(1) { download.cancel() }
        let error = await download.value
        #expect(error?.message.hasPrefix("cancelled") == true, "\(error as Any)")
    }

    @Test func aServerThatDoesNotAnswerInTimeIsAFailure() async throws {
        let (hub, _) = try await silentHub()
        defer { hub.stop() }
        let url = try #require(URL(string: hub.address))
        let failure = await #expect(throws: WebFailure.self) {
            try await WebClient().status(of: url, within: .milliseconds(50))
        }
        #expect(failure?.text == "no answer within 0.05 seconds")
    }

    @Test func theStatusIsThatOfTheFirstAnswer() async throws {
        let hub = try await FakeHub { _, _ in FakeHub.Response(status: .found, headers: ["location": "/"]) }
        defer { hub.stop() }
        let url = try #require(URL(string: hub.address + "/health"))
        #expect(try await WebClient().status(of: url, within: .seconds(60)) == 302)
        #expect(hub.requests.withLock { $0.map(\.path) } == ["/health"])
    }

    @Test func whatIsNoWebServerIsAFailure() async throws {
        // The client expects TLS, but the server speaks plain HTTP.
        let hub = try await FakeHub()
        defer { hub.stop() }
        let url = try #require(URL(string: "https://127.0.0.1:\(hub.port)"))
        let failure = await #expect(throws: WebFailure.self) {
            try await WebClient().status(of: url, within: .seconds(60))
        }
        #expect(failure?.kind == .network)
        #expect(failure?.text.isEmpty == false)
    }

    @Test func oneConnectionServesOneFileAfterAnother() async throws {
        let hub = try await FakeHub()
        defer { hub.stop() }
        var settings = try home.settings(hub)
        settings.parallelFiles = 1
        _ = try await Hub(settings).download(.sample)
        #expect(hub.connections.withLock { $0 } == 1)
        #expect(hub.requests.withLock { $0.count } == 9)
    }

    @Test(arguments: [302, 404])
    func aLongBodyThatNobodyWantsIsNotRead(status: Int) async throws {
        let hub = try await FakeHub { request, hub in
            guard request.path.hasPrefix("/api/"), request.earlier == 0 else { return nil }
            return FakeHub.Response(
                status: .init(statusCode: status), headers: ["location": "\(request.uri)"],
                body: Array(repeating: 0, count: 8 << 20))
        }
        defer { hub.stop() }
        let settings = try home.settings(hub)
        let error = await hubError { () throws(OuroError) in try await Hub(settings).download(.sample) }
        #expect((error == nil) == (status == 302), "\(error as Any)")
    }

    @Test func aHeadIsReadLineByLine() {
        var reader = WebHeadReader()
        let lines = [
            "HTTP/1.1 100 Continue\r\n", "a: 0\r\n", "\r\n", "HTTP/1.1 206 Partial Content\r\n", "A:  1 \r\n",
            "b: x: y\r\n",
            "nonsense\r\n", "a: 2\r\n", "\r\n", "trailer: 3\r\n",
        ]
        for (index, line) in lines.enumerated() {
            #expect(reader.isComplete == (index > 8), "before line \(index)")
            #expect(add(line, to: &reader))
        }
        #expect(reader.head?.status == 206)
        #expect(reader.head?.fields.first("a") == "1")
        #expect(reader.head?.fields.first("B") == "x: y")
        #expect(reader.head?.fields.first("trailer") == nil)
        #expect(reader.head?.fields.all.count == 3)
    }

    @Test func aHeadThatIsNoneIsRefused() {
        for line in ["HTTP/1.1\r\n", "HTTP/1.1 many\r\n"] {
            var reader = WebHeadReader()
            #expect(!add(line, to: &reader), "\(line)")
        }
        var reader = WebHeadReader()
        #expect(add("HTTP/1.1 200 OK\r\n", to: &reader))
        let line = "a: " + String(repeating: "b", count: 99_997)
        #expect([1, 2, 3].map { _ in add(line, to: &reader) } == [true, true, false])
    }

    private func add(_ line: String, to reader: inout WebHeadReader) -> Bool {
        Array(line.utf8).withUnsafeBytes { reader.add($0) }
    }
}
