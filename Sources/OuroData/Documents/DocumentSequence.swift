import Ouro

/// An endless sequence of documents: a document is a pure function of its number.
package protocol DocumentSequence: Sendable {
    /// The document with this number, from 0.
    func document(_ number: Int) throws(OuroError) -> TokenDocument
    /// Identifies the documents. It changes with every setting that the documents depend on.
    var fingerprint: UInt64 { get }
}
