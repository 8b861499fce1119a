import Ouro

/// `GET /version`: the version of the server.
struct Version: Endpoint {
    init(service: GenerationService) {}

    func add(to router: inout Routes) {
        router.get("/version") { _, _ in Response.json(.object(["version": .string(PackageVersion.current)])) }
    }
}
