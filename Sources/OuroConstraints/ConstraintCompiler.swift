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
public final class ConstraintCompiler: Sendable {
    /// The number of compiled schemas that are cached.
    private static let limit = 8

    private struct Recent {
        /// Built when the first grammar is compiled.
        var trie: TokenTrie?
        /// The cached schemas, the most recently used one last.
        var schemas: [(identity: [UInt8], grammar: CompiledGrammar)] = []
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

    /// Compiles a schema. The eight most recently used schemas are cached, so that requests with the same schema share
    /// one compilation.
    ///
    /// - Parameters:
    ///   - schema: the schema.
    /// - Throws: `OuroError` with code `unsupported` for a keyword that is not supported, or `invalidRequest` for any
    ///   other fault of the schema. The error's field is the place in the schema, such as
    ///   `schema.properties.age.minimum`.
    public func compile(_ schema: JSONSchema) throws(OuroError) -> CompiledGrammar {
        let identity = schema.identity
        let known: CompiledGrammar? = recent.withLock { recent in
            guard let place = recent.schemas.firstIndex(where: { $0.identity == identity }) else { return nil }
            let known = recent.schemas.remove(at: place)
            recent.schemas.append(known)
            return known.grammar
        }
        if let known { return known }
        let new = compile(try Grammar(schema))
        recent.withLock {
            $0.schemas = $0.schemas.filter { $0.identity != identity }.suffix(Self.limit - 1) + [(identity, new)]
        }
        return new
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
}
