import NIOCore
import Synchronization

/// The body of a request, while it arrives.
///
/// The connection reads a small part of a body on its own. It reads the rest when `collect(upTo:)` asks for it, so a body
/// that nobody wants is not read.
final class IncomingBody: Sendable {
    /// The number of bytes that the connection reads on its own.
    static let allowance = 64 << 10

    /// The body is larger than the limit of `collect(upTo:)`.
    struct TooLarge: Error {}

    private struct State {
        var buffer = ByteBuffer()
        var isWhole = false
        var failure: (any Error)?
        /// The number of bytes that have arrived.
        var size = 0
        /// The limit of `collect(upTo:)`. Nil before the call.
        var limit: Int?
        var waiting: AsyncStream<Never>.Continuation?

        var isDecided: Bool { isWhole || failure != nil || buffer.readableBytes > limit ?? .max }
        var wantsMore: Bool {
            !isWhole && failure == nil && buffer.readableBytes <= limit ?? IncomingBody.allowance
        }
    }

    private let state: Mutex<State>
    private let declaredSize: Int?
    private let demand: @Sendable () -> Void

    /// - Parameters:
    ///   - declaredSize: the size in the request's head, if it has one.
    ///   - demand: asks the connection to read on.
    init(declaredSize: Int? = nil, demand: @escaping @Sendable () -> Void = {}) {
        state = Mutex(State())
        self.declaredSize = declaredSize
        self.demand = demand
    }

    /// A body that has arrived.
    convenience init(_ bytes: ByteBuffer) {
        self.init()
        append(bytes)
        end()
    }

    /// Waits for the whole body.
    ///
    /// - Throws: `TooLarge` if it has more than `limit` bytes. `CancellationError` if the task is cancelled. The error of
    ///   `fail(_:)` if the connection breaks.
    func collect(upTo limit: Int) async throws -> ByteBuffer {
        if let declaredSize, declaredSize > limit { throw TooLarge() }
        await suspended { continuation in
            let isDecided = state.withLock { state in
                state.limit = limit
                if !state.isDecided { state.waiting = continuation }
                return state.isDecided
            }
            if isDecided { continuation.finish() } else { demand() }
            return { self.state.withLock { $0.waiting = nil } }
        }
        try Task.checkCancellation()
        return try state.withLock { state in
            if state.buffer.readableBytes > limit { throw TooLarge() }
            if let failure = state.failure { throw failure }
            defer { state.buffer = ByteBuffer() }
            return state.buffer
        }
    }

    // MARK: what the connection tells

    /// Whether the connection should read on.
    var wantsMore: Bool { state.withLock { $0.wantsMore } }

    /// The number of bytes that have arrived.
    var size: Int { state.withLock { $0.size } }

    func append(_ part: ByteBuffer) {
        change { state in
            state.size += part.readableBytes
            // What comes after the decision is of no use.
            guard !state.isDecided else { return }
            var part = part
            if state.buffer.readableBytes == 0 { state.buffer = part } else { state.buffer.writeBuffer(&part) }
        }
    }

    func end() { change { $0.isWhole = true } }

    func fail(_ error: any Error) { change { $0.failure = $0.failure ?? error } }

    private func change(_ change: (inout State) -> Void) {
        let waiting = state.withLock { state in
            change(&state)
            return state.isDecided ? state.waiting : nil
        }
        waiting?.finish()
    }
}
