/// The ranges of request parameters. The engine, the server, the command line, recipes and evaluation all use this
/// table.
///
/// The engine's ranges are as wide as its arithmetic allows. Fields of the OpenAI API have the narrower ranges of its
/// documentation (`OpenAI`), so that a client meets the same limits as there.
package enum RequestLimits {
    /// Loops of a model or a request. Beyond the trained number, quality falls (paper, section 4).
    package static let loops = 1...64
    /// Exit thresholds. From 1 on, a token runs all loops.
    package static let exitThreshold = 0.0...1000
    package static let temperature = 0.0...100
    /// Tokens kept by top-k; 0 keeps all.
    package static let topK = 0...1 << 24
    package static let topP = 0.0...1
    package static let minP = 0.0...1
    package static let repetitionPenalty = 0.01...100
    /// Presence penalty and frequency penalty.
    package static let penalty = -100.0...100
    package static let logitBias = -1000.0...1000
    /// Tokens that prompt lookup may propose at once.
    package static let draftTokens = 0...64
    /// Most likely tokens to report for each token.
    package static let alternatives = 0...128
    /// Threads of an engine.
    package static let threads = 1...1024
    /// Rows of a pass, or positions of a prefill chunk.
    package static let rows = 1...65_536

    /// Limits of fields of an HTTP request that the engine itself does not limit.
    package enum Request {
        /// The largest `max_tokens`, `min_tokens` and `truncate_prompt_tokens`.
        package static let tokens = 1 << 24
        package static let stopStrings = 16
        package static let stopStringBytes = 1...1024
        package static let stopTokens = 1024
        package static let biases = 1024
        package static let saltBytes = 256
        package static let prompts = 256
        package static let messages = 4096
    }

    /// Ranges in the reference of the OpenAI API ("Create chat completion", "Create completion").
    package enum OpenAI {
        package static let temperature = 0.0...2
        package static let topP = 0.0...1
        /// `presence_penalty` and `frequency_penalty`.
        package static let penalty = -2.0...2
        package static let logitBias = -100.0...100
        /// `top_logprobs` of a chat. `logprobs` of a completion has the same range here; the reference allows 0 to 5.
        package static let alternatives = 0...20
        /// `n`.
        package static let samples = 1...128
    }

    /// Checks a number.
    ///
    /// - Throws: ``OuroError`` with code `invalidRequest` and the field's name if the value is out of range.
    package static func check(
        _ field: String, _ value: Float, _ range: ClosedRange<Double>
    ) throws(OuroError) {
        // The bounds are rounded to f32, so that a bound itself is allowed: 0.01, for example.
        guard Float(range.lowerBound) <= value, value <= Float(range.upperBound) else {
            throw OuroError(
                .invalidRequest, field: field,
                "expected a number from \(range.lowerBound) to \(range.upperBound), found \(value)")
        }
    }

    /// Checks an integer.
    ///
    /// - Throws: ``OuroError`` with code `invalidRequest` and the field's name if the value is out of range.
    package static func check(_ field: String, _ value: Int, _ range: ClosedRange<Int>) throws(OuroError) {
        guard range.contains(value) else {
            throw OuroError(
                .invalidRequest, field: field,
                "expected \(range.lowerBound) to \(range.upperBound), found \(value)")
        }
    }
}
