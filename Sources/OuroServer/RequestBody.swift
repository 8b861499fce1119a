import Foundation
import NIOCore

extension GenerationService {
    /// Bodies with more bytes are parsed on a thread of their own. A smaller one takes less than a millisecond.
    private static let largeBody = 64 << 10

    /// Reads a request's body, within `arrivalSeconds`.
    func body(of request: Request, from connection: Connection) async throws -> RequestFields {
        let tooSlow = APIError.tooSlow("the body", seconds: options.arrivalSeconds)
        let body = try await connection.limiting(seconds: options.arrivalSeconds, tooSlow) { [options] in
            RequestBytes(buffer: try await request.body.collect(upTo: options.maxBodyBytes))
        }
        guard body.buffer.readableBytes > Self.largeBody else { return try RequestFields(parsing: body) }
        return try await BackgroundQueue.shared.run { try RequestFields(parsing: body) }
    }
}

/// The bytes of a body, without a copy.
struct RequestBytes: ContiguousBytes, Sendable {
    let buffer: ByteBuffer

    func withUnsafeBytes<Value>(_ body: (UnsafeRawBufferPointer) throws -> Value) rethrows -> Value {
        try buffer.withUnsafeReadableBytes(body)
    }
}
