import Ouro
import ServiceLifecycle

/// Ends the service when the process is asked to end: nothing new begins, and running requests are waited for.
struct DrainService: Service {
    let service: GenerationService

    func run() async throws {
        // The wait throws if the server was cancelled or could not listen: nothing is left to drain then.
        guard (try? await gracefulShutdown()) != nil else { return }
        service.isDraining.set()
        // The service group cancels this when `drainSeconds` are over.
        while service.admission.counts != (0, 0) {
            guard (try? await Task.sleep(for: .milliseconds(50))) != nil else { return }
        }
    }
}
