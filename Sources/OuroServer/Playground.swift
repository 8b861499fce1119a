import NIOCore
/// `GET /`: a web page for trying the model.
struct Playground: Endpoint {
    init(service: GenerationService) {}

    func add(to router: inout Routes) {
        router.get("/") { _, _ in
            Response(
                status: .ok,
                headers: [
                    .contentType: "text/html; charset=utf-8",
                    // The page loads nothing from other hosts. No other page may embed it.
                    .contentSecurityPolicy:
                        "default-src 'none'; style-src 'unsafe-inline'; script-src 'unsafe-inline'; "
                        + "connect-src 'self'; img-src data:; frame-ancestors 'none'; base-uri 'none'; form-action 'self'",
                ], body: .whole(ByteBuffer(bytes: PackageResources.playground_html)))
        }
    }
}
