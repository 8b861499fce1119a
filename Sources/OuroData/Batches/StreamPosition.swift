import Foundation
import Ouro

/// Encodes and decodes the positions of batch sources. The format is JSON, so that people can read it.
enum StreamPosition {
    /// The valid row and document numbers. Sums of such numbers cannot overflow.
    static let numbers = 0...(1 << 56)

    static func encode(_ state: JSONOutput) -> Data { Data(state.text.utf8) }

    static func decode(_ data: Data) throws(OuroError) -> Fields {
        try Fields(parsing: data, source: .init(code: .invalidData, file: "position of the data"))
    }

    static func fault(_ message: String) -> OuroError {
        OuroError(.invalidData, file: "position of the data", message)
    }

    /// Throws if the data has changed since the position was saved.
    static func check(_ found: String, is expected: String) throws(OuroError) {
        guard found == expected else {
            throw fault(
                "it was saved with other data or another seed (\(found), now \(expected)); use the same data and seed, or "
                    + "start a new training")
        }
    }
}
