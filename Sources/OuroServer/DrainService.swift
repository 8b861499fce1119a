import Ouro
import ServiceLifecycle

/// Drains the server at shutdown: it refuses new requests, and waits until running requests have finished.
struct DrainService: Service {
    let service: GenerationService

    /// Running requests took longer than `drainSeconds`. The service group then cancels them.
    struct TimeIsOver: Error {}

    func run() async throws {
        // The wait throws if the server was cancelled or could not listen. Then there is nothing to drain.
        guard (try? await gracefulShutdown()) != nil else { return }
        service.isDraining.set()
        guard service.admission.counts != (0, 0) else { return }
        let options = service.options
        try await firstOf({ await service.admission.reaches { $0 == (0, 0) } }) {
            try await (options.clock ?? ContinuousClock()).sleep(for: .seconds(options.drainSeconds))
            throw TimeIsOver()
        }
    }
}
