import Ouro
import Synchronization

/// Compiles JSON schemas and grammars for one model's tokens.
///
/// ```swift
/// let compiler = try ConstraintCompiler(for: engine)
/// let schema = try JSONSchema(parsing: #"{"type":"object","properties":{"age":{"type":"integer"}}}"#)
/// var request = GenerationRequest(.text("Ada is 36 years old. As JSON: "))
/// request.constraint = try compiler.compile(schema).makeConstraint()
/// ```
///
/// A constrained text that stops at an end token is complete. A text that stops at `maxTokens` is a prefix.
///
/// Schemas, regular expressions, choices and grammars in llama.cpp's notation are cached, so that requests with the same
/// one share one compilation and its masks. The least recently used ones are dropped when all together need more than
/// 32 MB.
public final class ConstraintCompiler: Sendable {
    /// The largest number of bytes of all cached grammars.
    static let byteLimit = 32 << 20

    private struct Recent {
        /// Built when the first grammar is compiled.
        var trie: TokenTrie?
        /// The cached grammars, the most recently used one last.
        var grammars: [(identity: [UInt8], grammar: CompiledGrammar)] = []
    }

    private let tokenizer: Tokenizer
    private let vocabularySize: Int
    private let endTokens: Set<Int>
    private let recent = Mutex(Recent())

    /// Makes a compiler.
    ///
    /// - Parameters:
    ///   - tokenizer: the model's tokenizer.
    ///   - vocabularySize: the model's vocabulary size. A constraint allows no token beyond it.
    ///   - endTokens: the tokens that may follow a complete text.
    public init(tokenizer: Tokenizer, vocabularySize: Int, endTokens: Set<Int>) {
        self.tokenizer = tokenizer
        self.vocabularySize = vocabularySize
        self.endTokens = endTokens
    }

    /// Makes a compiler for an engine's tokenizer, vocabulary and end-of-text tokens.
    ///
    /// - Parameters:
    ///   - engine: the engine.
    /// - Throws: `OuroError` with code `unsupported` if the model has no tokenizer.
    public convenience init(for engine: Engine) throws(OuroError) {
        guard let tokenizer = engine.tokenizer else { throw OuroError(.unsupported, "the model has no tokenizer") }
        self.init(
            tokenizer: tokenizer, vocabularySize: engine.configuration.vocabularySize,
            endTokens: engine.endOfTextTokens)
    }

    /// Compiles a schema.
    ///
    /// - Parameters:
    ///   - schema: the schema.
    /// - Throws: the errors of ``Grammar/init(_:)``.
    public func compile(_ schema: JSONSchema) throws(OuroError) -> CompiledGrammar {
        try cached("json", schema.identity) { () throws(OuroError) in try Grammar(schema) }
    }

    /// Compiles a regular expression that the whole text must match.
    ///
    /// - Parameters:
    ///   - regex: the expression.
    /// - Throws: the errors of ``Grammar/init(regex:)``.
    public func compile(regex: String) throws(OuroError) -> CompiledGrammar {
        try cached("regex", Array(regex.utf8)) { () throws(OuroError) in try Grammar(regex: regex) }
    }

    /// Compiles a list of texts. The output is one of them.
    ///
    /// - Parameters:
    ///   - choices: the texts.
    /// - Throws: the errors of ``Grammar/init(choices:)``.
    public func compile(choices: [String]) throws(OuroError) -> CompiledGrammar {
        let identity = choices.flatMap { Array("\($0.utf8.count):".utf8) + Array($0.utf8) }
        return try cached("choices", identity) { () throws(OuroError) in try Grammar(choices: choices) }
    }

    /// Compiles a grammar in llama.cpp's notation.
    ///
    /// - Parameters:
    ///   - gbnf: the text of the grammar.
    /// - Throws: the errors of ``Grammar/init(gbnf:)``.
    public func compile(gbnf: String) throws(OuroError) -> CompiledGrammar {
        try cached("gbnf", Array(gbnf.utf8)) { () throws(OuroError) in try Grammar(gbnf: gbnf) }
    }

    /// Compiles a grammar. The result is not cached; reuse it if several requests need it.
    ///
    /// - Parameters:
    ///   - grammar: the grammar.
    public func compile(_ grammar: Grammar) -> CompiledGrammar {
        let trie = recent.withLock { recent in
            let trie = recent.trie ?? TokenTrie(tokenizer, size: vocabularySize)
            recent.trie = trie
            return trie
        }
        return CompiledGrammar(grammar, vocabulary: trie, endTokens: endTokens)
    }

    /// Number of bytes of all cached grammars, their texts included.
    var cachedBytes: Int { recent.withLock { Self.byteCount(of: $0.grammars) } }

    private static func byteCount(of grammars: [(identity: [UInt8], grammar: CompiledGrammar)]) -> Int {
        grammars.reduce(0) { $0 + $1.identity.count + $1.grammar.byteCount }
    }

    private func cached(
        _ kind: String, _ text: [UInt8], _ make: () throws(OuroError) -> Grammar
    ) throws(OuroError) -> CompiledGrammar {
        let identity = Array(kind.utf8) + [0] + text
        let known: CompiledGrammar? = recent.withLock { recent in
            guard let place = recent.grammars.firstIndex(where: { $0.identity == identity }) else { return nil }
            let known = recent.grammars.remove(at: place)
            recent.grammars.append(known)
            return known.grammar
        }
        if let known { return known }
        let new = compile(try make())
        // The first mask is computed while the request waits and its prompt is read.
        new.prepareMask(after: [], CompiledGrammar.Trail())
        recent.withLock { recent in
            recent.grammars.removeAll { $0.identity == identity }
            recent.grammars.append((identity, new))
            // The tables of the cached grammars have grown meanwhile.
            while recent.grammars.count > 1, Self.byteCount(of: recent.grammars) > Self.byteLimit {
                recent.grammars.removeFirst()
            }
        }
        return new
    }
}
