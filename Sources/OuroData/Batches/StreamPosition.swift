import Foundation
import Ouro

/// Encodes and decodes the positions of batch sources. The format is JSON, so that people can read it.
enum StreamPosition {
    /// The valid row and document numbers. Sums of such numbers cannot overflow.
    static let numbers = 0...(1 << 56)

    static func encode(_ state: some Encodable) -> Data {
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
        // Encoding cannot fail, because the states hold only numbers and strings.
        return (try? encoder.encode(state)) ?? Data()
    }

    static func decode<State: Decodable>(_ type: State.Type, from data: Data) throws(OuroError) -> State {
        try StrictJSON.decode(type, from: data, file: "position of the data", code: .invalidData)
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
