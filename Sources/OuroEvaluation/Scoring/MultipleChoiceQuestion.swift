import Foundation
import Ouro

/// A multiple-choice question.
public struct MultipleChoiceQuestion: Sendable, Equatable {
    /// The text that the choices continue.
    public let question: String
    /// The answers to choose from; at least two.
    public let choices: [String]
    /// The index of the right answer in `choices`.
    public let answer: Int

    /// Reads questions from a JSONL file.
    ///
    /// Each line has `question`, `choices` (at least two) and `answer`. The answer is the index of the right choice
    /// from 0, its letter (A, B, ...), or its text. Other members are ignored.
    ///
    /// - Parameters:
    ///   - url: the file.
    /// - Throws: `OuroError` with code `unreadableFile`, or `invalidData`, which names the line.
    public static func load(contentsOf url: URL) throws(OuroError) -> [Self] {
        let data = try LimitedFile.read(url, limit: 1 << 30, code: .invalidData)
        var questions: [Self] = []
        for (index, line) in data.split(separator: UInt8(ascii: "\n"), omittingEmptySubsequences: false).enumerated() {
            guard line.contains(where: { ![0x20, 0x09, 0x0D].contains($0) }) else { continue }
            questions.append(try parse(Data(line), file: url.path, line: index + 1))
        }
        guard !questions.isEmpty else { throw OuroError(.invalidData, file: url.path, "the file has no questions") }
        return questions
    }

    private static func parse(_ data: Data, file: String, line: Int) throws(OuroError) -> Self {
        let fields = try Fields(parsing: data, source: .init(code: .invalidData, file: file, line: line))
        let question = try fields.required("question", fields.string("question", bytes: 1...Int.max))
        let choices = try fields.required(
            "choices", fields.strings("choices", count: 2...Int.max, bytes: 1...Int.max))
        let answer = try fields.required("answer", fields["answer"])
        guard let index = index(of: answer, in: choices) else {
            throw fields.mismatch(
                "answer", answer,
                "an index from 0 to \(choices.count - 1), a letter from A, or the text of a choice")
        }
        return Self(question: question, choices: choices, answer: index)
    }

    private static func index(of answer: JSONValue, in choices: [String]) -> Int? {
        if let index = answer.exactInteger { return choices.indices.contains(index) ? index : nil }
        switch answer {
        case .string(let text):
            if let index = choices.firstIndex(where: { $0.hasSameBytes(as: text) }) { return index }
            guard text.unicodeScalars.count == 1, let letter = text.unicodeScalars.first, letter.isASCII else {
                return nil
            }
            let index = Int(letter.value) - 65
            return choices.indices.contains(index) ? index : nil
        default: return nil
        }
    }
}
