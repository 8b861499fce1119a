import Ouro

/// An endless sequence of documents. Each document is a pure function of its number.
package protocol DocumentSequence: Sendable {
    /// A document.
    ///
    /// - Parameters:
    ///   - number: the document's number, from 0.
    /// - Throws: `OuroError` if the data cannot be read.
    func document(_ number: Int) throws(OuroError) -> TokenDocument
    /// Identifies the documents. It changes with every setting that the documents depend on.
    var fingerprint: UInt64 { get }
}
