import ArgumentParser
import Ouro

@main
enum Main {
    static func main() async {
        Terminal.prepare()
        await OuroCommand.main()
    }
}

struct OuroCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "ouro",
        abstract: "Run looped language models: ByteDance's Ouro family.",
        discussion: """
            A looped model applies one stack of layers several times per token. A learned gate can let a token exit after \
            fewer loops.

            EXAMPLES
              ouro generate --show-depth "37+48="
              ouro serve
              ouro generate --model ./Ouro-1.4B "The future of AI is"
              ouro chat --model ./Ouro-1.4B-Thinking --show-depth
              ouro score --model ./Ouro-1.4B \\
                --text "Paris is the capital of France."
              ouro inspect --model ./Ouro-1.4B
              ouro download ByteDance/Ouro-1.4B
              ouro quantize --model ./Ouro-1.4B --bits 4 -o ./Ouro-1.4B-4bit
            """,
        version: PackageVersion.current,
        subcommands: [
            Generate.self, Chat.self, Serve.self, Score.self, Eval.self, Train.self, Upcycle.self, Merge.self,
            Quantize.self, DataVerb.self, Inspect.self, Tokenize.self, Bench.self, Download.self, Health.self,
        ])
}
