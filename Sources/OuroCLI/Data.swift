import ArgumentParser

struct DataVerb: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "data", abstract: "Make training data.", subcommands: [DataPack.self, DataSynth.self])
}
