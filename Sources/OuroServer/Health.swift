import Ouro

/// `GET /health`: status 200, or 503 during shutdown.
struct Health: Endpoint {
    private let service: GenerationService

    init(service: GenerationService) { self.service = service }

    func add(to router: inout Routes) {
        router.get("/health") { _, _ in
            service.isDraining.isSet
                ? Response.json(.object(["status": .string("draining")]), status: .serviceUnavailable)
                : Response.json(.object(["status": .string("ok")]))
        }
    }
}
