@testable import Ouro

/// An event on another thread that a test waits for.
///
/// It keeps the last occurrence, so a test may start to wait before or after it.
struct Event: Sendable {
    private let occurrences: AsyncStream<Void>
    private let source: AsyncStream<Void>.Continuation

    init() { (occurrences, source) = AsyncStream.makeStream(bufferingPolicy: .bufferingNewest(1)) }

    func happened() { source.yield() }

    func wait() async { for await _ in occurrences { return } }
}

extension Engine {
    /// Returns whether all blocks and slots are free after a few passes.
    ///
    /// Between two answers of ``Engine/usage()`` there is a pass, so this counts passes and not time.
    func becomesIdle(within passes: Int = 4) async -> Bool {
        for _ in 0...passes where await usage() == (0, 0) { return true }
        return false
    }
}
