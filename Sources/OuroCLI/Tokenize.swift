import ArgumentParser
import Foundation
import Ouro

struct Tokenize: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Convert text to tokens, or tokens to text.",
        usage: "ouro tokenize [<options>] [<text>]",
        discussion: """
            --json prints {"ids":[...],"pieces":[...]}.

            EXAMPLES
              ouro tokenize --model DIR "Hello, world"
              ouro tokenize --model DIR --json < text.txt
              ouro tokenize --model DIR --decode 19556,28,905
            """)

    @OptionGroup var choice: ModelChoice

    @Argument(help: "The text, or the ids with --decode (default: standard input).")
    var text: String?

    @Flag(help: "Convert ids to text. The ids are separated by commas or spaces.")
    var decode = false

    @Flag(help: "Treat special tokens in the text as plain text. With --decode, omit them.")
    var plain = false

    @Flag(help: "Print one JSON object.")
    var json = false

    func run() async throws {
        let folder = try await choice.folder(needsWeights: false)
        let tokenizer = try Tokenizer(contentsOf: folder.appendingPathComponent("tokenizer.json"))
        if decode {
            let source = try InputText.prompt(argument: text, file: nil).replacing("\n", with: " ")
            let ids = try InputText.tokens(source)
            if let bad = ids.first(where: { tokenizer.bytes(of: $0) == nil }) {
                throw OuroError(.invalidRequest, field: "ids", "token \(bad) is not in the vocabulary")
            }
            let decoded = tokenizer.decode(ids, skippingSpecialTokens: plain)
            if json { return try Terminal.write(JSONOutput.object(["text": .string(decoded)]).text + "\n") }
            return try Terminal.write(decoded + "\n")
        }
        let input = try text ?? InputText.read(file: "-")
        let ids = tokenizer.encode(input, parsingSpecialTokens: !plain)
        let pieces = ids.map { tokenizer.piece($0) }
        if json {
            let line = JSONOutput.object(["ids": .ints(ids), "pieces": .array(pieces.map { .string($0) })])
            return try Terminal.write(line.text + "\n")
        }
        for (id, piece) in zip(ids, pieces) { try Terminal.write("\(id)\t\(piece)\n") }
        Terminal.warnAboutDroppedBytes(in: input, tokenizer: tokenizer)
    }
}
