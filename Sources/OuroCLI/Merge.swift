import ArgumentParser
import Foundation
import Ouro

struct Merge: ParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Merge a LoRA adapter into a model.",
        discussion: """
            Writes a model folder whose weights are W + scale * B A. Its output is identical to that of the model with \
            --adapter, bit for bit. Adapters have PEFT's format: adapter_config.json and adapter_model.safetensors.

            EXAMPLES
              ouro merge --model ./Ouro-1.4B --adapter runs/tuned/adapter \\
                -o ./Ouro-1.4B-tuned
            """)

    @Option(name: .shortAndLong, help: ArgumentHelp("Folder of the model.", valueName: "dir"))
    var model: String

    @Option(help: ArgumentHelp("Folder of the adapter.", valueName: "dir"))
    var adapter: String

    @Option(name: .shortAndLong, help: ArgumentHelp("Output folder; it must be new or empty.", valueName: "dir"))
    var output: String

    func run() throws {
        let adapter = try Adapter(contentsOf: URL(fileURLWithPath: adapter))
        try adapter.merge(into: URL(fileURLWithPath: model), output: URL(fileURLWithPath: output))
        try Terminal.write(output + "\n")
    }
}
