/// What a request may ask for: one table for the engine, the server, the command line, recipes and evaluation.
///
/// The engine's ranges are as wide as its arithmetic allows. Fields of OpenAI's API have the ranges that its documentation
/// gives (``OpenAI``), which are narrower, so a client finds the same limits here as there.
package enum RequestLimits {
    /// Loops of a model or a request; beyond the trained number quality falls (paper, section 4).
    package static let loops = 1...64
    /// Exit thresholds; from 1 on a token takes all loops.
    package static let exitThreshold = 0.0...1000
    package static let temperature = 0.0...100
    /// 0 keeps all tokens.
    package static let topK = 0...1 << 24
    package static let topP = 0.0...1
    package static let minP = 0.0...1
    package static let repetitionPenalty = 0.01...100
    /// Presence and frequency penalty.
    package static let penalty = -100.0...100
    package static let logitBias = -1000.0...1000
    /// Tokens that prompt lookup may propose at a time.
    package static let draftTokens = 0...64
    /// Alternatives that a token may be reported with.
    package static let alternatives = 0...128
    /// Threads of an engine.
    package static let threads = 1...1024
    /// Rows of a pass, positions of a chunk of a prompt.
    package static let rows = 1...65_536

    /// Fields of an HTTP request that the engine does not limit.
    package enum Request {
        /// Tokens to generate, to generate at least, or to keep of a prompt.
        package static let tokens = 1 << 24
        package static let stopStrings = 16
        package static let stopStringBytes = 1...1024
        package static let stopTokens = 1024
        package static let biases = 1024
        package static let saltBytes = 256
        package static let prompts = 256
        package static let messages = 4096
    }

    /// Ranges that the reference of OpenAI's API documents ("Create chat completion", "Create completion").
    package enum OpenAI {
        package static let temperature = 0.0...2
        package static let topP = 0.0...1
        /// `presence_penalty` and `frequency_penalty`.
        package static let penalty = -2.0...2
        package static let logitBias = -100.0...100
        /// `top_logprobs` of a chat. `logprobs` of a completion has the same range here, and 0 to 5 there.
        package static let alternatives = 0...20
        /// `n`.
        package static let samples = 1...128
    }

    /// - Throws: ``OuroError`` with code `invalidRequest`, naming the field, if the value is not in the range.
    package static func check(
        _ field: String, _ value: Float, _ range: ClosedRange<Double>
    ) throws(OuroError) {
        // The bounds in the value's own precision: 0.01 is allowed if that is the lower bound.
        guard Float(range.lowerBound) <= value, value <= Float(range.upperBound) else {
            throw OuroError(
                .invalidRequest, field: field,
                "expected a number from \(range.lowerBound) to \(range.upperBound), found \(value)")
        }
    }

    /// - Throws: ``OuroError`` with code `invalidRequest`, naming the field, if the value is not in the range.
    package static func check(_ field: String, _ value: Int, _ range: ClosedRange<Int>) throws(OuroError) {
        guard range.contains(value) else {
            throw OuroError(
                .invalidRequest, field: field,
                "expected \(range.lowerBound) to \(range.upperBound), found \(value)")
        }
    }
}
