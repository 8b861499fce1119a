import Foundation
import Ouro

/// An endless stream of batches that can say where it is and go back there.
///
/// The same position always gives the same batches, so that a training continues bit for bit. Not thread-safe: one owner
/// reads it.
public protocol BatchSource: AnyObject {
    /// Fills a batch with the next `rows` sequences of `length` positions, after ``TrainingBatch/reshape(rows:length:)``.
    ///
    /// - Throws: ``OuroError`` if the data cannot be read or cannot give such sequences.
    func next(into batch: inout TrainingBatch, rows: Int, length: Int) throws(OuroError)

    /// Where the stream is, in a form that only this kind of source reads.
    var position: Data { get }

    /// Goes to where `position` once was.
    ///
    /// - Throws: ``OuroError`` if that is no position of this stream.
    func seek(to position: Data) throws(OuroError)
}
