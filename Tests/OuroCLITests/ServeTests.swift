import Foundation
import Testing

#if canImport(Glibc)
    import Glibc
#else
    import Darwin
#endif

/// Tests that `ouro serve` exits with a message and status 1 if it cannot listen.
@Suite struct ServeTests {
    private static let model = CommandLineTool.fixture("code_lm")

    @Test func aTakenPortIsAnError() throws {
        let (listener, port) = try Self.listen()
        defer { close(listener) }
        let result = try CommandLineTool.run(["serve", "--model", Self.model, "--port", "\(port)"])
        #expect(result.status == 1)
        #expect(
            result.errors.contains("Error: port: cannot listen on port \(port) of 127.0.0.1: Address already in use"))
    }

    @Test func anAddressOfAnotherMachineIsAnError() throws {
        let result = try CommandLineTool.run(
            ["serve", "--model", Self.model, "--port", "0", "--host", "192.0.2.1", "--insecure"])
        #expect(result.status == 1)
        #expect(result.errors.contains("Error: host: cannot listen on 192.0.2.1"))
    }

    @Test(arguments: [[], ["--insecure"]])
    func aHostThatDoesNotExistIsAnError(options: [String]) throws {
        let result = try CommandLineTool.run(
            ["serve", "--model", Self.model, "--port", "0", "--host", "nobody.invalid"] + options)
        #expect(result.status == 1)
        #expect(result.errors.contains("Error: host: no such host: 'nobody.invalid'"))
    }

    /// Opens a socket that listens on a free port of this machine.
    private static func listen() throws -> (descriptor: Int32, port: Int) {
        #if canImport(Glibc)
            let descriptor = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
        #else
            let descriptor = socket(AF_INET, SOCK_STREAM, 0)
        #endif
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_addr.s_addr = UInt32(0x7F00_0001).bigEndian
        var size = socklen_t(MemoryLayout<sockaddr_in>.size)
        let result = withUnsafeMutablePointer(to: &address) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                guard bind(descriptor, $0, size) == 0, Self.start(descriptor) == 0 else { return Int32(-1) }
                return getsockname(descriptor, $0, &size)
            }
        }
        try #require(descriptor >= 0 && result == 0)
        return (descriptor, Int(UInt16(bigEndian: address.sin_port)))
    }

    private static func start(_ descriptor: Int32) -> Int32 {
        #if canImport(Glibc)
            Glibc.listen(descriptor, 1)
        #else
            Darwin.listen(descriptor, 1)
        #endif
    }
}
