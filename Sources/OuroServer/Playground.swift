import Hummingbird

/// `GET /`: a page to try the model with.
struct Playground: Endpoint {
    init(service: GenerationService) {}

    func add(to router: Router<ConnectionContext>) {
        router.get("/") { _, _ in
            Response(
                status: .ok,
                headers: [
                    .contentType: "text/html; charset=utf-8",
                    // The page needs nothing from elsewhere, and no other page may frame it.
                    .contentSecurityPolicy:
                        "default-src 'none'; style-src 'unsafe-inline'; script-src 'unsafe-inline'; "
                        + "connect-src 'self'; img-src data:; frame-ancestors 'none'; base-uri 'none'; form-action 'self'",
                ], body: ResponseBody(byteBuffer: ByteBuffer(bytes: PackageResources.playground_html)))
        }
    }
}
