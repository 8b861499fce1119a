import Foundation
import Ouro

/// Turns texts, questions with answers and conversations into documents.
///
/// Every document ends with the end-of-text token. Special tokens in texts are encoded as the text they are, as in prompts;
/// only in what assistants say they are special, because a model writes some itself (`<think>`).
public struct DocumentEncoder: Sendable {
    /// Turns text into tokens.
    public let tokenizer: Tokenizer
    /// Renders conversations.
    public let template: ChatTemplate
    /// The token that ends documents.
    public let endOfText: Int

    /// - Parameters:
    ///   - endOfText: the token that ends documents; one of the tokenizer's.
    public init(tokenizer: Tokenizer, template: ChatTemplate = .chatML, endOfText: Int) {
        self.tokenizer = tokenizer
        self.template = template
        self.endOfText = endOfText
    }

    /// A text, learnt from its first token to the end of text.
    public func document(text: String) -> TokenDocument {
        var document = TokenDocument()
        for piece in Self.pieces(of: text) {
            document.append(tokenizer.encode(piece, parsingSpecialTokens: false), learns: true)
        }
        document.append([endOfText], learns: true)
        return document
    }

    /// A question with its answer; both are encoded apart, as they are when the question is a prompt.
    ///
    /// - Parameters:
    ///   - learnsPrompt: whether the question is learnt, too, not only the answer with the end of text.
    public func document(prompt: String, completion: String, learnsPrompt: Bool = false) -> TokenDocument {
        var document = TokenDocument()
        document.append(tokenizer.encode(prompt, parsingSpecialTokens: false), learns: learnsPrompt)
        document.append(tokenizer.encode(completion, parsingSpecialTokens: false), learns: true)
        document.append([endOfText], learns: true)
        return document
    }

    /// A synthetic example with its follow-ups, of which the answers are learnt.
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

    /// Long texts in pieces of a mebibyte or so, cut where no tokenizer of words joins across: after a single newline between
    /// two characters that are not white space.
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
