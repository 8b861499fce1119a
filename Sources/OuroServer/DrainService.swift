import Ouro
import ServiceLifecycle

/// Ends the service when the process is asked to end: nothing new begins, and running requests are waited for.
struct DrainService: Service {
    let service: GenerationService

    /// Running requests took longer than `drainSeconds`. The service group then cancels everything.
    struct TimeIsOver: Error {}

    func run() async throws {
        // The wait throws if the server was cancelled or could not listen: nothing is left to drain then.
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
