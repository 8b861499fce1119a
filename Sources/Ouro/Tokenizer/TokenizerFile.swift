/// The shape of a Hugging Face `tokenizer.json`, before anything in it is believed.
///
/// The vocabulary and the merges have types of their own because they are large; the small parts stay JSON values.
struct TokenizerFile: Decodable {
    struct AddedToken: Decodable {
        /// Anything, for a better error than the decoder's.
        let id: JSONValue
        let content: String
        let single_word: Bool
        let lstrip: Bool
        let rstrip: Bool
        let normalized: Bool
        let special: Bool
    }

    let version: String?
    let truncation: JSONValue?
    let padding: JSONValue?
    let added_tokens: [AddedToken]?
    let normalizer: JSONValue?
    let pre_tokenizer: JSONValue?
    let post_processor: JSONValue?
    let decoder: JSONValue?
    let model: Model
}

extension TokenizerFile {
    struct Model: Decodable {
        /// Older files do not say it.
        let type: String?
        /// Empty in a model of another type, like everything that follows.
        var vocab: [String: Int] = [:]
        var merges = Merges.pairs([])
        var dropout: JSONValue?
        var unk_token: JSONValue?
        var continuing_subword_prefix: String?
        var end_of_word_suffix: String?
        var byte_fallback: Bool?
        var ignore_merges: Bool?

        private enum CodingKeys: String, CodingKey {
            case type, vocab, merges, dropout, unk_token, continuing_subword_prefix, end_of_word_suffix
            case byte_fallback, ignore_merges
        }

        init(from decoder: any Decoder) throws {
            let container = try decoder.container(keyedBy: CodingKeys.self)
            type = try container.decodeIfPresent(String.self, forKey: .type)
            guard type == nil || type == "BPE" else { return }
            do {
                vocab = try container.decode([String: Int].self, forKey: .vocab)
            } catch let error as DecodingError {
                throw error
            } catch {
                // A fraction or a number too large is an error of Foundation's own, which does not say where it stands.
                throw DecodingError.typeMismatch(
                    Int.self,
                    .init(
                        codingPath: container.codingPath + [CodingKeys.vocab],
                        debugDescription: "an id is not a whole number, or a token not a valid string"))
            }
            merges = try container.decode(Merges.self, forKey: .merges)
            dropout = try container.decodeIfPresent(JSONValue.self, forKey: .dropout)
            unk_token = try container.decodeIfPresent(JSONValue.self, forKey: .unk_token)
            continuing_subword_prefix = try container.decodeIfPresent(String.self, forKey: .continuing_subword_prefix)
            end_of_word_suffix = try container.decodeIfPresent(String.self, forKey: .end_of_word_suffix)
            byte_fallback = try container.decodeIfPresent(Bool.self, forKey: .byte_fallback)
            ignore_merges = try container.decodeIfPresent(Bool.self, forKey: .ignore_merges)
        }
    }

    /// Both published spellings of the merges.
    enum Merges: Decodable {
        /// `"left right"`, as in `merges.txt`.
        case lines([String])
        /// `["left", "right"]`.
        case pairs([[String]])

        init(from decoder: any Decoder) throws {
            var elements = try decoder.unkeyedContainer()
            let container = try decoder.singleValueContainer()
            if (try? elements.decode(String.self)) != nil {
                self = .lines(try container.decode([String].self))
            } else {
                self = .pairs(try container.decode([[String]].self))
            }
        }
    }
}

extension TokenizerFile {
    /// Text from the file, made fit for an error message: short, in quotes, with control characters escaped.
    static func quoted(_ text: String) -> String {
        let limit = 60
        let scalars = text.unicodeScalars
        return String(scalars.prefix(limit)).debugDescription + (scalars.dropFirst(limit).isEmpty ? "" : "...")
    }
}
