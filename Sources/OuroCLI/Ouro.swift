import ArgumentParser

@main
struct OuroCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(commandName: "ouro", abstract: "Run looped language models.")
}
