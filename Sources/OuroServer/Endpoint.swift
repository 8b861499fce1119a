import Hummingbird

/// Answers one kind of request, or a few that belong together.
protocol Endpoint: Sendable {
    init(service: GenerationService)

    func add(to router: Router<ConnectionContext>)
}
