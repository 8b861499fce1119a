import Foundation
import Ouro

/// Reads and writes what a batch source keeps as its position: JSON, so that a person can look at it.
enum StreamPosition {
    /// Numbers up to which a stream may have come; far from where sums would overflow.
    static let numbers = 0...(1 << 56)

    static func encode(_ state: some Encodable) -> Data {
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
        // Numbers and strings only: there is nothing that could fail.
        return (try? encoder.encode(state)) ?? Data()
    }

    static func decode<State: Decodable>(_ type: State.Type, from data: Data) throws(OuroError) -> State {
        try StrictJSON.decode(type, from: data, file: "position of the data", code: .invalidData)
    }

    static func fault(_ message: String) -> OuroError {
        OuroError(.invalidData, file: "position of the data", message)
    }

    /// Throws if the data is not what it was when the position was saved.
    static func check(_ found: String, is expected: String) throws(OuroError) {
        guard found == expected else {
            throw fault(
                "it was saved with other data or another seed (\(found), now \(expected)); continue with the same ones, or "
                    + "start anew")
        }
    }
}
