import ArgumentParser
import Foundation
import Ouro
import OuroTraining

struct Upcycle: ParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Repeat a model's layers, as for Ouro-2.6B.",
        discussion: """
            Writes a model folder whose block repeats the old block: layer i becomes layers i, i + L, i + 2 L... The \
            weights do not change. The result is a starting point for training ('ouro train --init').

            EXAMPLES
              ouro upcycle --model ./Ouro-1.4B --layers 48 -o ./Ouro-2.6B-start
            """)

    @Option(name: .shortAndLong, help: ArgumentHelp("Folder of the model.", valueName: "dir"))
    var model: String

    @Option(parsing: .unconditional, help: "Number of layers of the new model: a multiple of the old number.")
    var layers: Int

    @Option(name: .shortAndLong, help: ArgumentHelp("Output folder; it must be new or empty.", valueName: "dir"))
    var output: String

    func run() throws {
        try Upcycling.write(
            model: URL(fileURLWithPath: model), layers: layers, to: URL(fileURLWithPath: output))
        try Terminal.write(output + "\n")
    }
}
