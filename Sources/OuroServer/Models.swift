import Foundation
import Ouro

/// `GET /v1/models` and `/v1/models/NAME`: the model of this server. `GET /props`: the defaults of requests.
struct Models: Endpoint {
    private let service: GenerationService
    private let started = Int(Date().timeIntervalSince1970)

    init(service: GenerationService) { self.service = service }

    private var engine: Engine { service.engine }

    func add(to router: inout Routes) {
        router.get("/v1/models") { _, _ in
            Response.json(.object(["object": .string("list"), "data": .array([model])]))
        }
        router.get("/v1/models/**") { _, context in
            let name = context.rest.joined(separator: "/")
            guard name == service.modelName else {
                throw APIError(
                    status: .notFound,
                    message: "there is no model '\(name.prefix(100))'; this server has '\(service.modelName)'",
                    parameter: "model", code: "model_not_found")
            }
            return Response.json(model)
        }
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

    /// The defaults of requests.
    private var properties: JSONOutput {
        let sampling = engine.defaultSampling
        return .object([
            "model": model, "device": .string(engine.device), "kv_type": .string(engine.kvType.rawValue),
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
}
