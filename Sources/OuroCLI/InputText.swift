import ArgumentParser
import Foundation
import Ouro

/// Reads text from an argument, a file, or standard input.
enum InputText {
    /// - Throws: `OuroError` if the file cannot be read or is not UTF-8.
    static func read(file: String) throws(OuroError) -> String {
        let data: Data
        if file == "-" {
            data = FileHandle.standardInput.readDataToEndOfFile()
        } else {
            do {
                data = try Data(contentsOf: URL(fileURLWithPath: file))
            } catch {
                throw OuroError(.unreadableFile, file: file, "cannot be read: \(error.localizedDescription)")
            }
        }
        return try decode(data, name: file == "-" ? "standard input" : file)
    }

    static func decode(_ data: Data, name: String) throws(OuroError) -> String {
        guard let text = String(validating: data, as: UTF8.self) else {
            throw OuroError(
                .invalidRequest, file: name, "expected UTF-8 text, found other bytes; convert the file to UTF-8")
        }
        return text
    }

    /// Returns the argument, else the file's text, else standard input.
    ///
    /// - Throws: `ValidationError` if standard input is a terminal.
    static func prompt(argument: String?, file: String?) throws -> String {
        if let argument { return argument }
        if let file { return try read(file: file) }
        guard isatty(STDIN_FILENO) == 0 else {
            throw ValidationError("no prompt: give it as an argument, with --file, or on standard input")
        }
        var text = try read(file: "-")
        if text.hasSuffix("\n") { text.removeLast() }
        return text
    }

    /// Converts a text to tokens without loading the model's weights.
    static func tokens(
        of text: String, modelFolder folder: URL, parsingSpecialTokens: Bool
    ) throws(OuroError) -> [Int] {
        let file = folder.appendingPathComponent("tokenizer.json")
        guard FileManager.default.fileExists(atPath: file.path) else {
            throw OuroError(
                .invalidRequest, file: file.path, "the file does not exist; a text needs the model's tokenizer")
        }
        return try Tokenizer(contentsOf: file).encode(text, parsingSpecialTokens: parsingSpecialTokens)
    }

    /// Reads token ids from a list such as `1,2,3`.
    static func tokens(_ text: String) throws -> [Int] {
        let parts = text.split(whereSeparator: { $0 == "," || $0 == " " })
        return try parts.map { part in
            guard let id = Int(part) else {
                throw ValidationError("--tokens: expected ids separated by commas, found '\(part)'")
            }
            return id
        }
    }
}
