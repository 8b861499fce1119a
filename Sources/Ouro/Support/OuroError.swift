import Foundation

/// The error type of the library. It says what is wrong, where, and what was expected.
///
/// Every mistake in a request or a file is reported as an `OuroError`. A trap in this library is a bug.
public struct OuroError: Error, Sendable, Equatable {
    /// The kind of failure, for programs that react to it.
    ///
    /// The set is open: modules above this one add codes of their own, and later versions may add more. A `switch` over
    /// codes needs a `default`.
    public struct Code: RawRepresentable, Hashable, Sendable {
        /// The code's name.
        public let rawValue: String

        /// Makes the code with a given name.
        public init(rawValue: String) { self.rawValue = rawValue }

        /// A file or folder is missing, is unreadable, or has another type than expected.
        public static let unreadableFile = Code(rawValue: "unreadableFile")
        /// `config.json` or `generation_config.json` has a field that is missing, malformed or out of range.
        public static let invalidConfiguration = Code(rawValue: "invalidConfiguration")
        /// A safetensors file or its index is malformed, or its tensors do not match the model.
        public static let invalidCheckpoint = Code(rawValue: "invalidCheckpoint")
        /// `tokenizer.json` is malformed, or its tokenizer is not supported.
        public static let invalidTokenizer = Code(rawValue: "invalidTokenizer")
        /// A chat template is malformed, uses an unsupported feature, or raised an exception.
        public static let invalidTemplate = Code(rawValue: "invalidTemplate")
        /// A parameter of a request is out of range or contradicts another one.
        public static let invalidRequest = Code(rawValue: "invalidRequest")
        /// A prompt is longer than the model's context.
        public static let contextExceeded = Code(rawValue: "contextExceeded")
        /// A request or a model needs more memory than its budget or the machine allows.
        public static let memoryExceeded = Code(rawValue: "memoryExceeded")
        /// The model produced a value that is not finite. Its weights are damaged or overflow.
        public static let nonFinite = Code(rawValue: "nonFinite")
        /// A file or request asks for a feature that is not implemented.
        public static let unsupported = Code(rawValue: "unsupported")
        /// Data for training or evaluation is malformed: a text, a JSON line or a token shard.
        public static let invalidData = Code(rawValue: "invalidData")
        /// A file could not be written.
        public static let unwritableFile = Code(rawValue: "unwritableFile")
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
