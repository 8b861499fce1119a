@testable import Ouro

/// Something that happens on another thread and that a test waits for.
///
/// It keeps the last occurrence, so it does not matter whether the test waits before or after it.
struct Event: Sendable {
    private let occurrences: AsyncStream<Void>
    private let source: AsyncStream<Void>.Continuation

    init() { (occurrences, source) = AsyncStream.makeStream(bufferingPolicy: .bufferingNewest(1)) }

    func happened() { source.yield() }

    func wait() async { for await _ in occurrences { return } }
}

extension Engine {
    /// Whether cache and row states are empty after a few passes.
    ///
    /// A pass lies between two answers of ``Engine/usage()``, so this counts passes and not time.
    func becomesIdle(within passes: Int = 4) async -> Bool {
        for _ in 0...passes where await usage() == (0, 0) { return true }
        return false
    }
}
