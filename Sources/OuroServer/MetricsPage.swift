import NIOCore
/// `GET /metrics`: counters and histograms in Prometheus' text format.
struct MetricsPage: Endpoint {
    private let service: GenerationService

    init(service: GenerationService) { self.service = service }

    func add(to router: inout Routes) {
        router.get("/metrics") { _, _ in
            let counts = service.admission.counts
            let text = service.metrics.text(service.engine.load, running: counts.running, waiting: counts.waiting)
            return Response(
                status: .ok, headers: [.contentType: "text/plain; version=0.0.4; charset=utf-8"],
                body: .whole(ByteBuffer(string: text)))
        }
    }
}
