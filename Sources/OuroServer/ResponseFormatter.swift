import Ouro

/// Formats generated tokens as an endpoint's responses.
protocol ResponseFormatter: Sendable {
    func whole(_ results: [ChoiceResult], usage: Usage) async throws -> JSONOutput
    func chunk(_ index: Int, _ token: GeneratedToken, isFirst: Bool) -> JSONOutput?
    func usageChunk(_ usage: Usage) -> JSONOutput
}
