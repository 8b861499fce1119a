import ArgumentParser
import Foundation
import Ouro
import OuroTraining

struct Upcycle: ParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Duplicate a model's layers, as Ouro-2.6B was made.",
        discussion: """
            Writes a model folder whose block is the old one several times over: layer i becomes layers i, i + L, i + 2 L... \
            Every value stays as it was. The result is a start for further training ('ouro train --init').

            EXAMPLES
              ouro upcycle --model ./Ouro-1.4B --layers 48 -o ./Ouro-2.6B-start
            """)

    @Option(name: .shortAndLong, help: ArgumentHelp("Folder of the model.", valueName: "dir"))
    var model: String

    @Option(parsing: .unconditional, help: "Layers of the new model: a multiple of the old number.")
    var layers: Int

    @Option(name: .shortAndLong, help: ArgumentHelp("Folder to write; new or empty.", valueName: "dir"))
    var output: String

    func run() throws {
        try Upcycling.write(
            model: URL(fileURLWithPath: model), layers: layers, to: URL(fileURLWithPath: output))
        try Terminal.write(output + "\n")
    }
}
