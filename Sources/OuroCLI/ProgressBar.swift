import Foundation
import Synchronization

/// A bar on standard error, for people only: nothing is shown where nobody looks.
final class ProgressBar: Sendable {
    private let what: String
    private let total: Int
    private let isShown: Bool
    private let lastShown = Mutex<ContinuousClock.Instant?>(nil)
    private static let width = 30

    init(_ what: String, total: Int) {
        self.what = what
        self.total = max(total, 1)
        isShown = Terminal.errorIsTerminal
    }

    /// Shows how much is done; ten times a second at most.
    func show(_ done: Int) {
        guard isShown else { return }
        let now = ContinuousClock.now
        let isDue = lastShown.withLock { last in
            if let last, now - last < .milliseconds(100) { return false }
            last = now
            return true
        }
        guard isDue else { return }
        let share = min(1, Double(done) / Double(total))
        let filled = Int(share * Double(Self.width))
        let bar = String(repeating: "#", count: filled) + String(repeating: ".", count: Self.width - filled)
        Terminal.writeError("\r\(what) [\(bar)] \(Int(share * 100)) %")
    }

    /// Takes the bar away.
    func finish() {
        if isShown { Terminal.writeError("\r\u{1B}[K") }
    }
}
