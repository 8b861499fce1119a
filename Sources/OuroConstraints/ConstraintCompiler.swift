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
/// A constrained text that ends by itself is complete. One that ends because of `maxTokens` is a prefix.
public final class ConstraintCompiler: Sendable {
    /// Compiled schemas that are kept.
    private static let limit = 8

    private struct Recent {
        /// Built when the first grammar is compiled.
        var trie: TokenTrie?
        /// The schemas used last, the latest one at the end.
        var schemas: [(identity: [UInt8], grammar: CompiledGrammar)] = []
    }

    private let tokenizer: Tokenizer
    private let vocabularySize: Int
    private let endTokens: Set<Int>
    private let recent = Mutex(Recent())

    /// - Parameters:
    ///   - vocabularySize: the model's; a constraint allows no token beyond it.
    ///   - endTokens: the tokens that may follow a complete text.
    public init(tokenizer: Tokenizer, vocabularySize: Int, endTokens: Set<Int>) {
        self.tokenizer = tokenizer
        self.vocabularySize = vocabularySize
        self.endTokens = endTokens
    }

    /// A compiler for an engine's tokenizer, vocabulary and end-of-text tokens.
    ///
    /// - Throws: ``OuroError`` with code `unsupported` if the model has no tokenizer.
    public convenience init(for engine: Engine) throws(OuroError) {
        guard let tokenizer = engine.tokenizer else { throw OuroError(.unsupported, "the model has no tokenizer") }
        self.init(
            tokenizer: tokenizer, vocabularySize: engine.configuration.vocabularySize,
            endTokens: engine.endOfTextTokens)
    }

    /// Compiles a schema. The eight schemas used last are kept, so that a schema that many requests share is compiled once.
    ///
    /// - Throws: ``OuroError`` with code `unsupported` for a keyword that is not supported, `invalidRequest` for anything
    ///   else that is wrong with the schema. The error's field is the place in the schema, such as
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

    /// Compiles a grammar. Nothing is kept: keep the result if several requests need it.
    public func compile(_ grammar: Grammar) -> CompiledGrammar {
        let trie = recent.withLock { recent in
            let trie = recent.trie ?? TokenTrie(tokenizer, size: vocabularySize)
            recent.trie = trie
            return trie
        }
        return CompiledGrammar(grammar, vocabulary: trie, endTokens: endTokens)
    }
}
