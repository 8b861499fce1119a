import Foundation
import Synchronization

/// A progress bar on standard error, with an estimate of the time left. It appears only on a terminal.
final class ProgressBar: Sendable {
    private struct State {
        var shown = ""
        var lastShown: ContinuousClock.Instant?
    }

    private let what: String
    private let total: Int
    private let start = ContinuousClock.now
    private let state = Mutex(State())
    private static let width = 30

    init(_ what: String = "", total: Int = 1) {
        self.what = what
        self.total = max(total, 1)
    }

    /// Shows how much of the total is done. It updates at most ten times a second.
    func show(_ done: Int) { showSeldom(what, Double(done) / Double(total)) }

    /// Shows a label and the finished fraction. It updates at most ten times a second.
    ///
    /// - Parameters:
    ///   - what: the label.
    ///   - fraction: the finished fraction, from 0 to 1.
    ///   - start: the fraction that an earlier run had finished. The estimate of the time left does not count it.
    func showSeldom(_ what: String, _ fraction: Double, start: Double = 0) {
        let now = ContinuousClock.now
        let isDue = state.withLock { state in
            if let last = state.lastShown, now - last < .milliseconds(100) { return false }
            state.lastShown = now
            return true
        }
        if isDue { show(what, fraction, start: start) }
    }

    /// Shows a label and the finished fraction, at once.
    func show(_ what: String, _ fraction: Double, start begin: Double = 0) {
        guard Terminal.errorIsTerminal else { return }
        let share = min(max(fraction, 0), 1)
        let filled = Int(share * Double(Self.width))
        let bar = String(repeating: "#", count: filled) + String(repeating: ".", count: Self.width - filled)
        let elapsed = (ContinuousClock.now - start) / .seconds(1)
        let done = share - begin
        let left = done > 0.01 && share < 1 ? ", about \(Self.time(elapsed / done * (1 - share))) left" : ""
        let line = "[\(bar)] \(Int(share * 100)) %  \(what)\(left)"
        let isNew = state.withLock { state in
            defer { state.shown = line }
            return state.shown != line
        }
        if isNew { Terminal.writeError("\r\u{1B}[K\(line)") }
    }

    /// Removes the bar and prints a line.
    func note(_ text: String) {
        clear()
        Terminal.writeError(text + "\n")
    }

    /// Removes the bar.
    func clear() {
        let wasShown = state.withLock { state in
            defer { state.shown = "" }
            return !state.shown.isEmpty
        }
        if wasShown { Terminal.writeError("\r\u{1B}[K") }
    }

    private static func time(_ seconds: Double) -> String {
        seconds < 90 ? "\(Int(seconds)) s" : seconds < 5400 ? "\(Int(seconds / 60)) min" : "\(Int(seconds / 3600)) h"
    }
}
