/// The structure of a Hugging Face `tokenizer.json`, before its content is checked.
///
/// The vocabulary and the merges are large, so they have types of their own. Small parts are JSON values.
struct TokenizerFile: Decodable {
    struct AddedToken: Decodable {
        /// Any JSON value, so that an error about it can be better than the decoder's.
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
        /// Missing in older files.
        let type: String?
        /// Empty in a model of another type, like all properties that follow.
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
                // For a fraction or a large number, Foundation throws an error of its own, which does not name the
                // field.
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

    /// The two published forms of the merges.
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
    /// A text from the file for an error message: in quotes, cut after 60 characters, with control characters escaped.
    static func quoted(_ text: String) -> String {
        let limit = 60
        let scalars = text.unicodeScalars
        return String(scalars.prefix(limit)).debugDescription + (scalars.dropFirst(limit).isEmpty ? "" : "...")
    }
}
