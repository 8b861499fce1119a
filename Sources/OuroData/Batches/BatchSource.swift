import Foundation
import Ouro

/// An endless stream of training batches. It can report its position and return to it.
///
/// The same position always gives the same batches. So a resumed training is bit-identical to an uninterrupted one. Not
/// thread-safe.
public protocol BatchSource: AnyObject {
    /// Fills a batch with the next sequences. It reshapes the batch first.
    ///
    /// - Parameters:
    ///   - batch: receives the tokens, targets and document starts.
    ///   - rows: the number of sequences.
    ///   - length: positions of a sequence.
    /// - Throws: `OuroError` if the data cannot be read, or if it has no sequences of this length.
    func next(into batch: inout TrainingBatch, rows: Int, length: Int) throws(OuroError)

    /// The current position, in a format that only this source understands.
    var position: Data { get }

    /// Continues at an earlier position.
    ///
    /// - Parameters:
    ///   - position: a former value of `position`.
    /// - Throws: `OuroError` if it is not a position of this stream.
    func seek(to position: Data) throws(OuroError)
}
