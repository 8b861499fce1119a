/// Handles one route, or a few related routes.
protocol Endpoint: Sendable {
    init(service: GenerationService)

    func add(to router: inout Routes)
}
