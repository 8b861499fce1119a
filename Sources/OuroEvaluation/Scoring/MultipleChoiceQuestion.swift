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
        let data = try StrictJSON.read(url, limit: 1 << 30, code: .invalidData)
        var questions: [Self] = []
        for (index, line) in data.split(separator: UInt8(ascii: "\n"), omittingEmptySubsequences: false).enumerated() {
            guard line.contains(where: { ![0x20, 0x09, 0x0D].contains($0) }) else { continue }
            questions.append(try parse(Data(line), file: url.path, line: index + 1))
        }
        guard !questions.isEmpty else { throw OuroError(.invalidData, file: url.path, "the file has no questions") }
        return questions
    }

    private struct Record: Decodable {
        let question: String
        let choices: [String]
        let answer: JSONValue
    }

    private static func parse(_ data: Data, file: String, line: Int) throws(OuroError) -> Self {
        func fault(_ field: String?, _ message: String) -> OuroError {
            OuroError(.invalidData, file: file, field: "line \(line)" + (field.map { ": \($0)" } ?? ""), message)
        }
        let record: Record
        do {
            record = try StrictJSON.decode(Record.self, from: data, file: file, code: .invalidData)
        } catch {
            throw fault(error.field, error.message)
        }
        guard !record.question.isEmpty else { throw fault("question", "the question is empty") }
        guard record.choices.count >= 2, !record.choices.contains("") else {
            throw fault("choices", "expected at least two texts that are not empty, found \(record.choices)")
        }
        guard let answer = index(of: record.answer, in: record.choices) else {
            throw fault(
                "answer",
                "expected an index from 0 to \(record.choices.count - 1), a letter from A, or the text of a choice")
        }
        return Self(question: record.question, choices: record.choices, answer: answer)
    }

    private static func index(of answer: JSONValue, in choices: [String]) -> Int? {
        switch answer {
        case .int(let index): return choices.indices.contains(index) ? index : nil
        case .string(let text):
            if let index = choices.firstIndex(of: text) { return index }
            guard text.unicodeScalars.count == 1, let letter = text.unicodeScalars.first, letter.isASCII else {
                return nil
            }
            let index = Int(letter.value) - 65
            return choices.indices.contains(index) ? index : nil
        default: return nil
        }
    }
}
