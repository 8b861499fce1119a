import Foundation
import Ouro

/// Packs text files and JSONL files into a data set of token shards, for `ouro data pack`.
///
/// A `.jsonl` file has one document per line (see `DataRecord`). Any other file is one document, or several documents
/// if `separator` is set.
public struct DataPacking: Sendable {
    /// The encoder of the documents.
    public let encoder: DocumentEncoder
    /// The text between two documents of a text file; nil, the default, if a file is one document.
    public var separator: String?
    /// The fraction of documents in the validation part, 0 to 1. By default 0.
    ///
    /// A hash of a document's tokens decides its part. So the choice is always the same, and copies of a document are
    /// in the same part.
    public var validationFraction = 0.0
    /// Whether prompts are learnt as well as completions. By default false.
    public var learnsPrompts = false
    /// Called with the bytes of all files packed so far, or with the number of synthetic examples.
    public var progress: (@Sendable (Int) -> Void)?

    /// Makes a packer with default settings.
    ///
    /// - Parameters:
    ///   - encoder: the encoder of the documents.
    public init(encoder: DocumentEncoder) { self.encoder = encoder }

    /// The result of packing.
    public struct Summary: Sendable, Equatable {
        /// Documents by part of the data set.
        public var documents: [DatasetPart: Int] = [:]
        /// Tokens by part of the data set, ends of text included.
        public var tokens: [DatasetPart: Int] = [:]
        /// Number of learnt tokens of both parts.
        public var learnt = 0
        /// Bytes in the texts that the tokenizer cannot encode. They are missing in the data set.
        public var droppedBytes: Set<UInt8> = []
    }

    /// Packs all files and finishes the data set.
    ///
    /// - Parameters:
    ///   - inputs: the files, in order.
    ///   - writer: writes the data set.
    /// - Returns: the numbers of documents and tokens.
    /// - Throws: `OuroError` with code `unreadableFile`, `invalidData` (which names file and line), `invalidRequest` or
    ///   `unwritableFile`.
    public func run(_ inputs: [URL], to writer: DatasetWriter) throws(OuroError) -> Summary {
        guard validationFraction >= 0, validationFraction < 1 else {
            throw OuroError(
                .invalidRequest, field: "validation fraction", "expected 0 to less than 1, found \(validationFraction)")
        }
        var summary = Summary()
        var done = 0
        for url in inputs {
            if url.pathExtension == "jsonl" {
                done += try packLines(url, done: done, to: writer, &summary)
            } else {
                done += try packText(url, to: writer, &summary)
            }
            progress?(done)
        }
        guard summary.documents.values.reduce(0, +) > 0 else {
            throw OuroError(.invalidData, file: inputs.first?.path, "the input has no documents")
        }
        try writer.finish()
        return summary
    }

    /// Packs examples of a synthetic task and finishes the data set.
    ///
    /// - Parameters:
    ///   - task: the task.
    ///   - levels: the levels, which take turns.
    ///   - seed: the seed of the examples.
    ///   - count: the number of examples. They are numbered from 0.
    ///   - split: the split that the examples come from.
    ///   - writer: writes the data set.
    /// - Returns: the numbers of documents and tokens.
    /// - Throws: `OuroError` with code `invalidRequest` for a level that the task does not have, or `unwritableFile`.
    public func run(
        _ task: any SyntheticTask, levels: [Int], seed: UInt64, count: Int, split: DataSplit, to writer: DatasetWriter
    ) throws(OuroError) -> Summary {
        var summary = Summary()
        for index in 0..<count {
            let example = try task.example(
                seed: seed, index: index, level: levels[index % max(levels.count, 1)], split: split)
            note(example.prompt + example.completion, &summary)
            let document = encoder.document(
                prompt: example.prompt, completion: example.completion,
                learnsPrompt: learnsPrompts || task.learnsPrompt)
            try append(document, to: writer, &summary)
            if index % 1000 == 999 { progress?(index + 1) }
        }
        try writer.finish()
        return summary
    }

    private func packLines(
        _ url: URL, done: Int, to writer: DatasetWriter, _ summary: inout Summary
    ) throws(OuroError) -> Int {
        let reader = try LineReader(contentsOf: url)
        while let line = try reader.next() {
            guard line.contains(where: { $0 != 0x20 && $0 != 0x09 }) else { continue }
            switch try DataRecord(line, file: url.path, line: reader.line) {
            case .text(let text):
                note(text, &summary)
                try append(encoder.document(text: text), to: writer, &summary)
            case .completion(let prompt, let completion):
                note(prompt + completion, &summary)
                let document = encoder.document(prompt: prompt, completion: completion, learnsPrompt: learnsPrompts)
                try append(document, to: writer, &summary)
            case .conversation(let messages):
                for message in messages { note(message.content, &summary) }
                let documents: [TokenDocument]
                do {
                    documents = try encoder.documents(messages: messages)
                } catch {
                    throw OuroError(
                        error.code, file: url.path,
                        field: "line \(reader.line)" + (error.field.map { ": \($0)" } ?? ""),
                        error.message)
                }
                for document in documents { try append(document, to: writer, &summary) }
            }
            if reader.line % 256 == 0 { progress?(done + reader.byteCount) }
        }
        return reader.byteCount
    }

    private func packText(_ url: URL, to writer: DatasetWriter, _ summary: inout Summary) throws(OuroError) -> Int {
        let data = try LimitedFile.read(url, limit: 4 << 30, code: .invalidData)
        guard let text = String(validating: data, as: UTF8.self) else {
            throw OuroError(.invalidData, file: url.path, "expected UTF-8 text, found invalid bytes")
        }
        note(text, &summary)
        let parts = separator.map { $0.isEmpty ? [text] : text.components(separatedBy: $0) } ?? [text]
        for part in parts where part.contains(where: { !$0.isWhitespace }) {
            try append(encoder.document(text: part), to: writer, &summary)
        }
        return data.count
    }

    private func append(
        _ document: TokenDocument, to writer: DatasetWriter, _ summary: inout Summary
    ) throws(OuroError) {
        let part: DatasetPart = isForValidation(document) ? .valid : .train
        try writer.append(document, to: part)
        summary.documents[part, default: 0] += 1
        summary.tokens[part, default: 0] += document.tokens.count
        summary.learnt += document.learns.reduce(0) { $0 + ($1 ? 1 : 0) }
    }

    private func isForValidation(_ document: TokenDocument) -> Bool {
        guard validationFraction > 0 else { return false }
        let hash = document.tokens.reduce(UInt64(0)) { StableHash.combine($0, UInt64(bitPattern: Int64($1))) }
        return Double(hash >> 11) * 0x1p-53 < validationFraction
    }

    private func note(_ text: String, _ summary: inout Summary) {
        let missing = encoder.tokenizer.missingBytes
        guard !missing.isEmpty else { return }
        summary.droppedBytes.formUnion(Set(text.utf8).intersection(missing))
    }
}
