import Foundation
import Ouro
import OuroData

/// Opens the data sources of a recipe.
enum RecipeSources {
    /// Makes the data source of a stage, at its start. It mixes the sources of the stage's mixture by their weights.
    ///
    /// - Parameters:
    ///   - recipe: the recipe.
    ///   - stage: one of its stages.
    /// - Throws: `OuroError` if a file is missing or damaged, if a task or a level does not exist, or if a task has no
    ///   tokenizer.
    static func make(_ recipe: Recipe, _ stage: Recipe.Stage) throws(OuroError) -> any BatchSource {
        var sources: [(source: any BatchSource, weight: Double)] = []
        for (name, weight) in stage.mixture where weight > 0 {
            sources.append((try source(name, recipe), weight))
        }
        return sources.count == 1 ? sources[0].source : try MixtureSource(sources, seed: recipe.seed)
    }

    private static func source(_ name: String, _ recipe: Recipe) throws(OuroError) -> any BatchSource {
        // Each source has its own seed, so that sources are shuffled independently.
        let seed = StableHash.combine(recipe.seed, StableHash.of(name))
        switch recipe.data[name] {
        case .shards(let path, let packsDocuments):
            let dataset = try TokenDataset(folder: recipe.resolve(path))
            return packsDocuments
                ? PackedDocuments(try ShuffledDocuments(dataset, seed: seed)) : TokenWindows(dataset, seed: seed)
        case .task(let task, let levels, let isChat):
            let component = SyntheticDocuments.Component(
                try SyntheticTasks.named(task), levels: levels, isChat: isChat)
            return PackedDocuments(try SyntheticDocuments([component], encoder: try encoder(recipe), seed: seed))
        case .bytes(let path): return try ByteWindows(contentsOf: recipe.resolve(path), seed: seed)
        case nil:
            throw OuroError(.invalidRecipe, file: recipe.file, field: "data", "there is no source '\(name)'; add it")
        }
    }

    /// The encoder for the texts of synthetic tasks.
    private static func encoder(_ recipe: Recipe) throws(OuroError) -> DocumentEncoder {
        guard let path = recipe.tokenizer, let end = recipe.model.eosTokenIDs.first else {
            throw OuroError(
                .invalidRecipe, file: recipe.file, field: "tokenizer",
                "synthetic tasks are texts: give 'tokenizer', a folder with tokenizer.json, and 'model.eos_token_id'")
        }
        let folder = recipe.resolve(path)
        return DocumentEncoder(
            tokenizer: try Tokenizer(contentsOf: folder.appendingPathComponent("tokenizer.json")),
            template: try ChatTemplate.load(fromModelFolder: folder), endOfText: end)
    }
}
