import Foundation
import Ouro

/// Encodes texts, prompts with completions, and conversations as training documents.
///
/// Every document ends with the end-of-text token. Special tokens that occur in a text are encoded as plain text, as in
/// prompts. They are recognised only in the assistant's messages, because a model writes some of them itself
/// (`<think>`).
public struct DocumentEncoder: Sendable {
    /// Turns text into tokens.
    public let tokenizer: Tokenizer
    /// Renders conversations.
    public let template: ChatTemplate
    /// The token that ends every document.
    public let endOfText: Int

    /// Makes an encoder.
    ///
    /// - Parameters:
    ///   - tokenizer: the tokenizer.
    ///   - template: the template that renders conversations. By default ChatML.
    ///   - endOfText: the token that ends every document, one of the tokenizer's.
    public init(tokenizer: Tokenizer, template: ChatTemplate = .chatML, endOfText: Int) {
        self.tokenizer = tokenizer
        self.template = template
        self.endOfText = endOfText
    }

    /// Encodes a text. All its tokens and the end-of-text token are learnt.
    ///
    /// - Parameters:
    ///   - text: the text.
    public func document(text: String) -> TokenDocument {
        var document = TokenDocument()
        for piece in Self.pieces(of: text) {
            document.append(tokenizer.encode(piece, parsingSpecialTokens: false), learns: true)
        }
        document.append([endOfText], learns: true)
        return document
    }

    /// Encodes a prompt with its completion. They are tokenised separately, as in generation.
    ///
    /// - Parameters:
    ///   - prompt: the prompt.
    ///   - completion: the text to learn, followed by the end-of-text token.
    ///   - learnsPrompt: whether the prompt is learnt as well.
    public func document(prompt: String, completion: String, learnsPrompt: Bool = false) -> TokenDocument {
        var document = TokenDocument()
        document.append(tokenizer.encode(prompt, parsingSpecialTokens: false), learns: learnsPrompt)
        document.append(tokenizer.encode(completion, parsingSpecialTokens: false), learns: true)
        document.append([endOfText], learns: true)
        return document
    }

    /// Encodes a synthetic example with its follow-up questions. The answers are learnt.
    ///
    /// - Parameters:
    ///   - example: the example.
    ///   - learnsPrompt: whether the prompts are learnt as well.
    public func document(_ example: SyntheticExample, learnsPrompt: Bool) -> TokenDocument {
        var document = TokenDocument()
        let first = SyntheticExample.Question(prompt: example.prompt, completion: example.completion)
        for question in [first] + example.followUps {
            document.append(tokenizer.encode(question.prompt, parsingSpecialTokens: false), learns: learnsPrompt)
            document.append(tokenizer.encode(question.completion, parsingSpecialTokens: false), learns: true)
        }
        document.append([endOfText], learns: true)
        return document
    }

    /// Splits a long text into pieces of about 1 MiB, so that tokenising needs less memory.
    ///
    /// It splits only after a single newline between two characters that are not white space. No word tokenizer joins
    /// tokens across such a place.
    static func pieces(of text: String, byteCount: Int = 1 << 20) -> [String] {
        let bytes = Array(text.utf8)
        guard bytes.count > byteCount else { return [text] }
        func isBlank(_ byte: UInt8) -> Bool { byte <= 0x20 || byte >= 0x80 }
        var pieces: [String] = []
        var (start, index) = (0, byteCount)
        while index + 1 < bytes.count {
            if bytes[index] == UInt8(ascii: "\n"), !isBlank(bytes[index - 1]), !isBlank(bytes[index + 1]) {
                pieces.append(String(decoding: bytes[start...index], as: UTF8.self))
                start = index + 1
                index += byteCount
            } else {
                index += 1
            }
        }
        pieces.append(String(decoding: bytes[start...], as: UTF8.self))
        return pieces
    }
}
