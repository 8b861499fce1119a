import Ouro

/// `POST /tokenize` and `/detokenize`, and `GET /tokenizer_info`. Messages are rendered with the chat template.
struct Tokenization: Endpoint {
    private let service: GenerationService

    init(service: GenerationService) { self.service = service }

    private var engine: Engine { service.engine }

    func add(to router: inout Routes) {
        router.post("/tokenize") { request, context in try await tokenize(request, from: context.connection) }
        router.post("/detokenize") { request, context in try await detokenize(request, from: context.connection) }
        router.get("/tokenizer_info") { _, _ in try tokenizerInfo() }
    }

    private func needTokenizer() throws -> Tokenizer {
        guard let tokenizer = engine.tokenizer else {
            throw APIError(status: .notImplemented, message: "the model has no tokenizer")
        }
        return tokenizer
    }

    private func tokenize(_ request: Request, from connection: Connection) async throws -> Response {
        let fields = try await service.body(of: request, from: connection)
        // No tokenizer of these models adds a token at the beginning or end, so `add_special_tokens` has no effect.
        _ = try fields.flag(.addSpecialTokens)
        let parsesSpecial = try fields.flag(.parseSpecial) ?? true
        var ids: [Int]
        var rendered: String?
        if fields.has("messages") {
            let conversation = try Conversation(chat: fields, service: service)
            let prompt = try service.prompt(
                of: conversation, addGenerationPrompt: try fields.flag(.addGenerationPrompt) ?? true)
            (ids, rendered) = (prompt.tokens, prompt.text)
        } else {
            guard let text = try fields.string("prompt") ?? fields.string("content") else {
                throw fields.failure("prompt", "the field is missing; give it or messages")
            }
            ids = try needTokenizer().encode(text, parsingSpecialTokens: parsesSpecial)
        }
        // There may be millions of tokens, so the text is made without a value for each.
        var json = "{\"tokens\":["
        json.reserveCapacity(ids.count * 6 + 100)
        for (index, id) in ids.enumerated() {
            if index > 0 { json += "," }
            json += String(id)
        }
        json += "],\"count\":\(ids.count),\"max_model_len\":\(engine.configuration.contextLength)"
        if let rendered { json += ",\"prompt\":\(JSONText.quote(rendered))" }
        if try fields.flag(.returnTokenTexts) ?? false {
            let tokenizer = try needTokenizer()
            json += ",\"token_strs\":\(JSONOutput.array(ids.map { .string(tokenizer.piece($0)) }).text)"
        }
        return Response.json(text: json + "}")
    }

    private func detokenize(_ request: Request, from connection: Connection) async throws -> Response {
        let fields = try await service.body(of: request, from: connection)
        let range = 0...engine.configuration.vocabularySize - 1
        guard let ids = try fields.integers("tokens", range, limit: 1 << 22) else {
            throw fields.failure("tokens", "the field is missing")
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
