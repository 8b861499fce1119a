import ArgumentParser

struct DataVerb: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "data", abstract: "Make data to train on.", subcommands: [DataPack.self, DataSynth.self])
}
