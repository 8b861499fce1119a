import Foundation
import Hummingbird
import Ouro

/// Models, tokens, health, metrics and the page.
struct OtherEndpoints: Sendable {
    let service: GenerationService
    private let started = Int(Date().timeIntervalSince1970)

    init(service: GenerationService) { self.service = service }

    private var engine: Engine { service.engine }

    func add(to router: Router<ConnectionContext>) {
        router.get("/") { _, _ in
            Response(
                status: .ok,
                headers: [
                    .contentType: "text/html; charset=utf-8",
                    // The page is all there is: nothing from elsewhere, and nobody frames it.
                    .contentSecurityPolicy:
                        "default-src 'none'; style-src 'unsafe-inline'; script-src 'unsafe-inline'; "
                        + "connect-src 'self'; img-src data:; frame-ancestors 'none'; base-uri 'none'; form-action 'self'",
                ], body: ResponseBody(byteBuffer: ByteBuffer(bytes: PackageResources.playground_html)))
        }
        router.get("/v1/models") { _, _ in
            Response.json(.object(["object": .string("list"), "data": .array([model])]))
        }
        router.get("/v1/models/**") { _, context in
            let name = context.parameters.getCatchAll().joined(separator: "/")
            guard name == service.modelName else {
                throw APIError(
                    status: .notFound, message: "there is no model '\(name.prefix(100))', but '\(service.modelName)'",
                    parameter: "model", code: "model_not_found")
            }
            return Response.json(model)
        }
        router.get("/health") { _, _ in
            service.isDraining.isSet
                ? Response.json(.object(["status": .string("draining")]), status: .serviceUnavailable)
                : Response.json(.object(["status": .string("ok")]))
        }
        router.get("/metrics") { _, _ in
            let counts = service.admission.counts
            let text = service.metrics.text(engine.load, running: counts.running, waiting: counts.waiting)
            return Response(
                status: .ok, headers: [.contentType: "text/plain; version=0.0.4; charset=utf-8"],
                body: ResponseBody(byteBuffer: ByteBuffer(string: text)))
        }
        router.post("/tokenize") { request, context in try await tokenize(request, from: context.client()) }
        router.post("/detokenize") { request, context in try await detokenize(request, from: context.client()) }
        router.get("/tokenizer_info") { _, _ in try tokenizerInfo() }
        router.get("/props") { _, _ in Response.json(properties) }
    }

    private var model: JSONOutput {
        .object([
            "id": .string(service.modelName), "object": .string("model"), "created": .int(started),
            "owned_by": .string("ouro"), "max_model_len": .int(engine.configuration.contextLength),
            "loops": .int(engine.configuration.loops),
            "exit_threshold": .float(engine.configuration.exitThreshold),
        ])
    }

    /// What requests get if they do not say.
    private var properties: JSONOutput {
        let sampling = engine.defaultSampling
        return .object([
            "model": model,
            "default_generation_settings": .object([
                "temperature": .float(sampling.temperature), "top_p": .float(sampling.topP),
                "top_k": .int(sampling.topK), "min_p": .float(sampling.minP),
                "repetition_penalty": .float(sampling.repetitionPenalty),
                "loops": .int(engine.configuration.loops),
                "exit_threshold": .float(engine.configuration.exitThreshold),
                "kv_policy": .string(engine.options.kvPolicy.rawValue),
            ]),
        ])
    }

    private func needTokenizer() throws -> Tokenizer {
        guard let tokenizer = engine.tokenizer else {
            throw APIError(status: .notImplemented, message: "the model has no tokenizer")
        }
        return tokenizer
    }

    private func tokenize(_ request: Request, from client: Client) async throws -> Response {
        let fields = try await service.body(of: request, from: client)
        guard let text = try fields.string("prompt") ?? fields.string("content") else {
            throw fields.failure("prompt", "the field is missing")
        }
        let ids = try needTokenizer().encode(text)
        return Response.json(
            .object([
                "tokens": .ints(ids), "count": .int(ids.count),
                "max_model_len": .int(engine.configuration.contextLength),
            ]))
    }

    private func detokenize(_ request: Request, from client: Client) async throws -> Response {
        let fields = try await service.body(of: request, from: client)
        guard let ids = try fields.integers("tokens", limit: 1 << 22) else {
            throw fields.failure("tokens", "the field is missing")
        }
        guard ids.allSatisfy((0..<engine.configuration.vocabularySize).contains) else {
            throw fields.failure("tokens", "expected tokens from 0 to \(engine.configuration.vocabularySize - 1)")
        }
        let text = try needTokenizer().decode(ids)
        return Response.json(.object(["prompt": .string(text), "content": .string(text)]))
    }

    private func tokenizerInfo() throws -> Response {
        let tokenizer = try needTokenizer()
        func piece(_ id: Int?) -> JSONOutput { id.map { .string(tokenizer.piece($0)) } ?? .null }
        let configuration = engine.configuration
        return Response.json(
            .object([
                "eos_token": piece(configuration.eosTokenIDs.first ?? engine.endOfTextTokens.min()),
                "bos_token": piece(configuration.bosTokenID), "pad_token": piece(configuration.padTokenID),
                "chat_template": .string(engine.chatTemplate.source),
            ]))
    }
}
