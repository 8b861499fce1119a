import NIOCore
import Ouro

/// `GET /openapi.json` and `GET /docs`: the description of the API, made of the tables that the readers use.
struct OpenAPI: Endpoint {
    private let service: GenerationService

    init(service: GenerationService) { self.service = service }

    func add(to router: inout Routes) {
        router.get("/openapi.json") { _, _ in Response.json(Self.description(hasKey: service.options.apiKey != nil)) }
        router.get("/docs") { _, _ in
            Response(
                status: .ok,
                headers: [
                    .contentType: "text/html; charset=utf-8",
                    .contentSecurityPolicy:
                        "default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'none'; base-uri 'none'",
                ], body: .whole(ByteBuffer(string: Self.page)))
        }
    }

    /// One operation of the API.
    struct Operation: Sendable {
        var method: String
        var path: String
        var about: String
        /// The fields of the body. Nil for operations without one.
        var fields: [Field]?
        /// Whether the answer can be a stream.
        var streams = false
        /// The type of the answer.
        var type = "application/json"
        /// Whether no key is needed.
        var isOpen = false
    }

    static let operations: [Operation] = [
        Operation(
            method: "post", path: "/v1/completions", about: "Continues texts.", fields: Field.completions, streams: true
        ),
        Operation(
            method: "post", path: "/v1/chat/completions", about: "Answers a conversation.", fields: Field.chat,
            streams: true),
        Operation(
            method: "post", path: "/v1/responses",
            about: "Answers in the form of OpenAI's Responses API, without state.",
            fields: Field.responses, streams: true),
        Operation(
            method: "post", path: "/v1/messages", about: "Answers in the form of Anthropic's API.",
            fields: Field.messages,
            streams: true),
        Operation(
            method: "post", path: "/v1/messages/count_tokens", about: "Counts the tokens of a conversation.",
            fields: Field.countTokens),
        Operation(
            method: "post", path: "/tokenize", about: "Turns a text or a conversation into tokens.",
            fields: Field.tokenize),
        Operation(method: "post", path: "/detokenize", about: "Turns tokens into a text.", fields: Field.detokenize),
        Operation(method: "get", path: "/tokenizer_info", about: "The special tokens and the chat template."),
        Operation(method: "get", path: "/v1/models", about: "The model."),
        Operation(method: "get", path: "/props", about: "The defaults of requests."),
        Operation(method: "get", path: "/version", about: "The version of the server."),
        Operation(method: "get", path: "/health", about: "Whether the server takes requests.", isOpen: true),
        Operation(
            method: "get", path: "/metrics", about: "Counters and histograms for Prometheus.", type: "text/plain"),
        Operation(method: "get", path: "/openapi.json", about: "This description."),
        Operation(method: "get", path: "/docs", about: "This description as a page.", type: "text/html"),
        Operation(method: "get", path: "/", about: "A page for trying the model.", type: "text/html", isOpen: true),
    ]
}

extension OpenAPI {
    /// The description in OpenAPI 3.1.
    ///
    /// - Parameters:
    ///   - hasKey: whether the server has a key.
    static func description(hasKey: Bool) -> JSONOutput {
        var paths: [(String, JSONOutput)] = []
        for operation in operations {
            paths.append((operation.path, .members([(operation.method, json(operation, hasKey: hasKey))])))
        }
        return .object([
            "openapi": .string("3.1.0"),
            "info": .object([
                "title": .string("ouro serve"), "version": .string(PackageVersion.current),
                "description": .string("Looped language models behind the APIs of OpenAI and Anthropic."),
            ]),
            "paths": .members(paths),
            "components": .object([
                "securitySchemes": .object([
                    "key": .object(["type": .string("http"), "scheme": .string("bearer")])
                ]),
                "schemas": .object([
                    "Error": .object([
                        "type": .string("object"), "required": .array([.string("error")]),
                        "properties": .object(["error": .object(["type": .string("object")])]),
                    ])
                ]),
            ]),
        ])
    }

    private static func json(_ operation: Operation, hasKey: Bool) -> JSONOutput {
        func content(_ type: String, _ schema: JSONOutput) -> (String, JSONOutput) {
            (type, .object(["schema": schema]))
        }
        let isJSON = operation.type == "application/json"
        var types = [content(operation.type, .object(["type": .string(isJSON ? "object" : "string")]))]
        if operation.streams { types.append(content("text/event-stream", .object(["type": .string("string")]))) }
        let error = JSONOutput.object([
            "description": .string("An error. It names the field."),
            "content": .members([
                content("application/json", .object(["$ref": .string("#/components/schemas/Error")]))
            ]),
        ])
        var members: [(String, JSONOutput)] = [
            ("summary", .string(operation.about)),
            (
                "operationId",
                .string(operation.method + operation.path.replacing("/", with: "_").replacing(".", with: "_"))
            ),
        ]
        if let fields = operation.fields {
            let required = fields.filter(\.isRequired).map { JSONOutput.string($0.name) }
            var schema: [(String, JSONOutput)] = [("type", .string("object"))]
            if !required.isEmpty { schema.append(("required", .array(required))) }
            schema.append(("properties", .members(fields.map { ($0.name, $0.schema) })))
            members.append(
                (
                    "requestBody",
                    .object([
                        "required": .bool(true), "content": .members([content("application/json", .members(schema))]),
                    ])
                ))
        }
        members.append(
            (
                "responses",
                .object([
                    "200": .object(["description": .string("The answer."), "content": .members(types)]),
                    "default": error,
                ])
            ))
        if hasKey, !operation.isOpen { members.append(("security", .array([.object(["key": .array([])])]))) }
        return .members(members)
    }
}

extension Field {
    /// The schema of the field's values. Null counts as absent.
    var schema: JSONOutput {
        var members: [(String, JSONOutput)]
        func type(_ name: String) -> (String, JSONOutput) {
            ("type", isRequired ? .string(name) : .array([.string(name), .string("null")]))
        }
        switch kind {
        case .text: members = [type("string")]
        case .flag: members = [type("boolean")]
        case .integer(let range):
            members = [type("integer"), ("minimum", .int(range.lowerBound)), ("maximum", .int(range.upperBound))]
        case .number(let range):
            members = [type("number"), ("minimum", .double(range.lowerBound)), ("maximum", .double(range.upperBound))]
        case .word(let words): members = [("enum", .array(words.map { .string($0) } + [.null]))]
        case .texts(let limit):
            let text = JSONOutput.object(["type": .string("string"), "minLength": .int(1)])
            members = [
                (
                    "anyOf",
                    .array([
                        text, .object(["type": .string("array"), "items": text, "maxItems": .int(limit)]),
                        .object(["type": .string("null")]),
                    ])
                )
            ]
        case .integers(let limit):
            members = [type("array"), ("items", .object(["type": .string("integer")])), ("maxItems", .int(limit))]
        case .object: members = [type("object")]
        case .objects(let least, let limit):
            members = [
                type("array"), ("items", .object(["type": .string("object")])), ("minItems", .int(least)),
                ("maxItems", .int(limit)),
            ]
        case .schema(let own):
            members = []
            if case .object(let pairs) = own { members = pairs.map { ($0.key, $0.value) } }
        }
        let text = standard.isEmpty ? about : "\(about). Default: \(standard)."
        return .members(members + [("description", .string(text))])
    }

    /// The type and the range in words.
    var typeText: String {
        switch kind {
        case .text: "text"
        case .flag: "true or false"
        case .integer(let range): range == Int.min...Int.max ? "integer" : "\(range.lowerBound) to \(range.upperBound)"
        case .number(let range): "\(range.lowerBound) to \(range.upperBound)"
        case .word(let words): words.joined(separator: ", ")
        case .texts(let limit): "text, or up to \(limit) texts"
        case .integers(let limit): "up to \(limit) integers"
        case .object: "object"
        case .objects(_, let limit): "up to \(limit) objects"
        case .schema: ""
        }
    }
}

extension OpenAPI {
    /// The description as a page without scripts and without external parts.
    static var page: String {
        func escaped(_ text: String) -> String {
            text.replacing("&", with: "&amp;").replacing("<", with: "&lt;").replacing(">", with: "&gt;")
        }
        var html = """
            <!doctype html><html lang="en"><meta charset="utf-8"><meta name="viewport" content="width=device-width">
            <title>ouro serve</title><style>
            body{font:16px/1.5 system-ui,sans-serif;max-width:60rem;margin:2rem auto;padding:0 1rem;color-scheme:light dark}
            table{border-collapse:collapse;width:100%}td,th{text-align:left;vertical-align:top;padding:.25rem .75rem .25rem 0;
            border-bottom:1px solid #8884}code{font-size:.95em}</style><h1>ouro serve</h1>
            <p>The same as <a href="/openapi.json">/openapi.json</a>, in words.</p>

            """
        for operation in operations {
            html +=
                "<h2><code>\(operation.method.uppercased()) \(operation.path)</code></h2><p>\(escaped(operation.about))</p>\n"
            guard let fields = operation.fields else { continue }
            html += "<table><tr><th>field<th>values<th>default<th>meaning</tr>\n"
            for field in fields {
                let standard = field.isRequired ? "required" : field.standard
                html +=
                    "<tr><td><code>\(field.name)</code><td>\(escaped(field.typeText))<td>\(escaped(standard))"
                    + "<td>\(escaped(field.about))</tr>\n"
            }
            html += "</table>\n"
        }
        return html + "</html>\n"
    }
}
