import Foundation

/// The one error type of the library: what went wrong, where, and what was expected instead.
///
/// Everything a user or a file can get wrong arrives as an `OuroError`; a trap in this library is a bug.
public struct OuroError: Error, Sendable, Equatable {
    /// The kind of failure, for programs that decide what to do next.
    public enum Code: String, Sendable, Equatable {
        /// A file or directory is missing, unreadable or not of the expected kind.
        case unreadableFile
        /// `config.json` or `generation_config.json` has a missing, malformed or impossible value.
        case invalidConfiguration
        /// A safetensors file or its index is malformed, or the tensors in it do not make up the model.
        case invalidCheckpoint
        /// `tokenizer.json` is malformed or describes a tokenizer of another kind.
        case invalidTokenizer
        /// A chat template is malformed, uses something outside the supported subset, or raised an exception.
        case invalidTemplate
        /// A recipe of training has an unknown field or an impossible value.
        case invalidRecipe
        /// A request's parameter is out of range or contradicts another one.
        case invalidRequest
        /// A prompt does not fit into the model's context.
        case contextExceeded
        /// The request can never fit into the memory budget.
        case memoryExceeded
        /// The model produced a value that is not a number: its weights are damaged.
        case nonFinite
        /// A feature the file asks for by name is not implemented.
        case unsupported
        /// Data to train on or to evaluate with is malformed: a text, a JSON line, a token shard.
        case invalidData
        /// Schedules that must give the same output did not: a fault of this engine.
        case scheduleMismatch
        /// A file could not be written.
        case unwritableFile
        /// A model cannot be had from a hub: the network, the access, its name, or what came is damaged.
        case failedDownload
    }

    public let code: Code
    /// The file the error is about, if it is about one.
    public let file: String?
    /// The field, tensor or parameter inside the file or request.
    public let field: String?
    /// What was found and what was expected, in one sentence.
    public let message: String

    public init(_ code: Code, file: String? = nil, field: String? = nil, _ message: String) {
        self.code = code
        self.file = file
        self.field = field
        self.message = message
    }
}

extension OuroError: CustomStringConvertible {
    /// `file: field: message`, leaving out what is not known.
    public var description: String {
        [file, field, message].compactMap { $0 }.joined(separator: ": ")
    }
}

extension OuroError {
    /// The model's value at a position is not a finite number.
    ///
    /// - Parameters:
    ///   - loop: where it is known, 1-based.
    package static func notFinite(position: Int, loop: Int? = nil) -> OuroError {
        OuroError(
            .nonFinite, field: "position \(position)" + (loop.map { ", loop \($0)" } ?? ""),
            "the model produced a value that is not a finite number; its weights are damaged or overflow")
    }
}

extension OuroError: LocalizedError {
    /// The same as `description`, so that `localizedDescription` says what is wrong.
    public var errorDescription: String? { description }
}
