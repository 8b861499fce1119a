import Ouro
import OuroData

/// Prints the result of `ouro data pack`, as text or as JSON.
enum PackReport {
    static func write(_ summary: DataPacking.Summary, json: Bool) throws(OuroError) {
        func number(_ values: [DatasetPart: Int], _ part: DatasetPart) -> Int { values[part] ?? 0 }
        if !summary.droppedBytes.isEmpty {
            let list = summary.droppedBytes.sorted().map { "0x" + String($0, radix: 16) }.joined(separator: " ")
            Terminal.writeError("note: the vocabulary has no token for the bytes \(list); they are dropped\n")
        }
        if json {
            func part(_ part: DatasetPart) -> JSONOutput {
                .object([
                    "documents": .int(number(summary.documents, part)), "tokens": .int(number(summary.tokens, part)),
                ])
            }
            let line = JSONOutput.object([
                "train": part(.train), "valid": part(.valid), "learnt": .int(summary.learnt),
            ])
            return try Terminal.write(line.text + "\n")
        }
        for part in DatasetPart.allCases where number(summary.documents, part) > 0 {
            try Terminal.write(
                "\(part.rawValue): \(number(summary.documents, part)) documents, \(number(summary.tokens, part)) tokens\n"
            )
        }
        try Terminal.write("the loss covers \(summary.learnt) tokens\n")
    }
}
