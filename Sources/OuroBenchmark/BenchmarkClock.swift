/// The clock of a benchmark. Tests use a clock that they advance themselves, so that every figure is exact.
package struct BenchmarkClock: Sendable {
    /// The time since a fixed instant.
    package let now: @Sendable () -> Duration

    package init(now: @escaping @Sendable () -> Duration) { self.now = now }

    /// The machine's clock.
    package static let machine: BenchmarkClock = {
        let start = ContinuousClock.now
        return BenchmarkClock { ContinuousClock.now - start }
    }()

    /// Seconds since an earlier value of `now`.
    func seconds(since start: Duration) -> Double { (now() - start) / .seconds(1) }

    /// Seconds that `body` takes.
    package func seconds(_ body: () -> Void) -> Double {
        let start = now()
        body()
        return seconds(since: start)
    }
}
