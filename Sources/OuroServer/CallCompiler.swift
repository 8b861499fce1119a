import Ouro
import OuroConstraints
import Synchronization

/// Compiles the grammars of tool calls for one model's tokens, and keeps the most recent ones: an agent sends the same
/// tools again and again.
final class CallCompiler: Sendable {
    /// The number of grammars that are kept.
    private static let limit = 8

    private struct Recent {
        var bytes: [[UInt8]]?
        var scanner: MarkScanner?
        var grammars: [(key: [UInt8], grammar: CompiledGrammar)] = []
    }

    private let tokenizer: Tokenizer
    private let vocabularySize: Int
    private let constraints: ConstraintCompiler
    private let recent = Mutex(Recent())

    init(tokenizer: Tokenizer, vocabularySize: Int, constraints: ConstraintCompiler) {
        (self.tokenizer, self.vocabularySize, self.constraints) = (tokenizer, vocabularySize, constraints)
    }

    /// The bytes of a token; none for special tokens.
    func bytes(of token: Int) -> [UInt8] { tokenizer.isSpecial(token) ? [] : tokenizer.bytes(of: token) ?? [] }

    /// Finds the opening mark.
    var scanner: MarkScanner {
        let bytes = vocabulary
        return recent.withLock { recent in
            let scanner = recent.scanner ?? MarkScanner(ToolFormat.opening, vocabulary: bytes)
            recent.scanner = scanner
            return scanner
        }
    }

    /// The tokens whose first character that is not white space is a brace.
    var braces: Set<Int> {
        let bytes = vocabulary
        return Set(bytes.indices.filter { bytes[$0].first { !MarkScanner.isSpace($0) } == UInt8(ascii: "{") })
    }

    /// The tokens that are one line break.
    var newlines: Set<Int> {
        let bytes = vocabulary
        return Set(bytes.indices.filter { bytes[$0] == [0x0A] })
    }

    private var vocabulary: [[UInt8]] {
        recent.withLock { recent in
            let bytes = recent.bytes ?? (0..<vocabularySize).map(bytes(of:))
            recent.bytes = bytes
            return bytes
        }
    }

    /// Compiles a part of an answer.
    ///
    /// - Throws: `APIError` with status 400 for a schema that cannot be compiled.
    func compile(_ part: ToolGrammar.Part, of grammar: ToolGrammar) throws -> CompiledGrammar {
        let key = grammar.key(part)
        if let key, let known = recent.withLock({ $0.grammars.first { $0.key == key }?.grammar }) { return known }
        let new = constraints.compile(try grammar.grammar(part))
        if let key {
            recent.withLock {
                $0.grammars = $0.grammars.filter { $0.key != key }.suffix(Self.limit - 1) + [(key, new)]
            }
        }
        return new
    }
}

extension ToolGrammar {
    /// The bytes that identify a part of an answer. Nil for a part that contains another grammar.
    fileprivate func key(_ part: Part) -> [UInt8]? {
        let name: String
        switch part {
        case .body: name = "body"
        case .afterMark(let isParallel): name = "after \(isParallel)"
        case .calls(let isParallel): name = "calls \(isParallel)"
        case .callsOr: return nil
        }
        var key = Array("\(name) \(format.style) \(format.marks != nil) \(format.argumentsKey)".utf8)
        for tool in tools {
            key += [0] + Array(tool.name.utf8) + [0] + Array(tool.parameters.text.utf8)
        }
        return key
    }
}
