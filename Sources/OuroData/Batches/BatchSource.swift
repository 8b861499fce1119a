import Foundation
import Ouro

/// An endless stream of batches that can say where it is and go back there.
///
/// The same position always gives the same batches, so that a training continues bit for bit. Not thread-safe: one owner
/// reads it.
public protocol BatchSource: AnyObject {
    /// Fills a batch with the next sequences. It reshapes the batch first.
    ///
    /// - Parameters:
    ///   - batch: receives the tokens, targets and document starts.
    ///   - rows: the number of sequences.
    ///   - length: positions of a sequence.
    /// - Throws: `OuroError` if the data cannot be read, or if it has no sequences of this length.
    func next(into batch: inout TrainingBatch, rows: Int, length: Int) throws(OuroError)

    /// Where the stream is, in a form that only this kind of source reads.
    var position: Data { get }

    /// Continues at an earlier position.
    ///
    /// - Parameters:
    ///   - position: a former value of `position`.
    /// - Throws: `OuroError` if it is not a position of this stream.
    func seek(to position: Data) throws(OuroError)
}
