import Ouro

/// Turns what was generated into an endpoint's answers.
protocol ResponseFormatter: Sendable {
    func whole(_ results: [ChoiceResult], usage: Usage) async throws -> JSONOutput
    func chunk(_ index: Int, _ token: GeneratedToken, isFirst: Bool) -> JSONOutput?
    func usageChunk(_ usage: Usage) -> JSONOutput
}
