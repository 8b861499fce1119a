import Foundation

/// The error type of the library. It says what is wrong, where, and what was expected.
///
/// Every mistake in a request or a file is reported as an `OuroError`. A trap in this library is a bug.
public struct OuroError: Error, Sendable, Equatable {
    /// The kind of failure, for programs that react to it.
    public enum Code: String, Sendable, Equatable {
        /// A file or folder is missing, is unreadable, or has another type than expected.
        case unreadableFile
        /// `config.json` or `generation_config.json` has a field that is missing, malformed or out of range.
        case invalidConfiguration
        /// A safetensors file or its index is malformed, or the tensors do not match the model.
        case invalidCheckpoint
        /// `tokenizer.json` is malformed, or its tokenizer is not supported.
        case invalidTokenizer
        /// A chat template is malformed, uses an unsupported feature, or raised an exception.
        case invalidTemplate
        /// A training recipe has an unknown field or a value out of range.
        case invalidRecipe
        /// A parameter of a request is out of range or contradicts another one.
        case invalidRequest
        /// A prompt is longer than the model's context.
        case contextExceeded
        /// The cache budget is too small for the request, even with no other request running.
        case memoryExceeded
        /// The model produced a value that is not finite. Its weights are damaged or overflow.
        case nonFinite
        /// A file or request asks for a feature that is not implemented.
        case unsupported
        /// Data for training or evaluation is malformed: a text, a JSON line or a token shard.
        case invalidData
        /// Two schedules gave different output although they must agree. This is a bug of the engine.
        case scheduleMismatch
        /// A file could not be written.
        case unwritableFile
        /// A model cannot be downloaded from a hub. Causes are the network, access rights, a wrong name or damaged
        /// data.
        case failedDownload
    }

    /// The kind of failure.
    public let code: Code
    /// The path of the file at fault; nil if no file is.
    public let file: String?
    /// The field, tensor or parameter at fault; nil if unknown.
    public let field: String?
    /// One sentence that says what was expected and what was found.
    public let message: String

    /// Makes an error.
    ///
    /// - Parameters:
    ///   - code: the kind of failure.
    ///   - file: the path of the file at fault.
    ///   - field: the field, tensor or parameter at fault.
    ///   - message: what was expected and what was found.
    public init(_ code: Code, file: String? = nil, field: String? = nil, _ message: String) {
        self.code = code
        self.file = file
        self.field = field
        self.message = message
    }
}

extension OuroError: CustomStringConvertible {
    /// `file: field: message`, without the parts that are nil.
    public var description: String {
        [file, field, message].compactMap { $0 }.joined(separator: ": ")
    }
}

extension OuroError {
    /// The error for a model value that is not finite.
    ///
    /// - Parameters:
    ///   - position: the position of the row.
    ///   - loop: the loop of the row (1-based), if known.
    package static func notFinite(position: Int, loop: Int? = nil) -> OuroError {
        OuroError(
            .nonFinite, field: "position \(position)" + (loop.map { ", loop \($0)" } ?? ""),
            "the model produced a value that is not a finite number; its weights are damaged or overflow")
    }
}

extension OuroError: LocalizedError {
    /// The same text as ``description``. It makes `localizedDescription` useful.
    public var errorDescription: String? { description }
}
