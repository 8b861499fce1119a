import Foundation
import Ouro
import OuroData

/// Trains a model by a recipe. It writes checkpoints and a log, and finally a model folder.
///
/// The output folder holds `checkpoints/`, `log.jsonl`, `events/` for TensorBoard and at the end `model/` or
/// `adapter/`. A resumed training gives the same bits as an uninterrupted one, provided that the instruction set and
/// the package version are the same. Not thread-safe.
public final class Trainer {
    /// Makes the data source of a stage, at its start.
    public typealias Sources = (_ recipe: Recipe, _ stage: Recipe.Stage) throws(OuroError) -> any BatchSource

    /// Why ``Trainer/run(stop:report:)`` returned.
    public enum Outcome: Sendable, Equatable {
        /// All steps of the recipe are done, and the result is written.
        case finished
        /// The caller asked to stop. A checkpoint is saved.
        case stopped
    }

    /// The recipe.
    public let recipe: Recipe
    /// The output folder.
    public let output: URL
    /// The progress so far.
    public private(set) var progress = TrainingProgress()
    /// Notes for the user about the resumed checkpoint, such as that other kernels computed it.
    public private(set) var notes: [String] = []
    /// Whether every checkpoint also updates `plot.svg`.
    public var plots = false

    private let compute: Compute
    private let sources: Sources
    private let folder: CheckpointFolder
    private let log: TrainingLog
    private let events: TensorBoardEvents
    private(set) var model: TrainableModel
    private var optimizer: AdamW
    /// The adapters that are trained instead of the model's parameters, if the recipe asks for adapters.
    private let adapters: LowRankAdapters?
    private var step: TrainingStep
    private var source: any BatchSource
    private var batch = TrainingBatch()
    private var metrics = StepMetrics(loops: 1)
    private var lastSave = ContinuousClock.now
    private var savedStep = -1

    /// Starts a training, or resumes one.
    ///
    /// - Parameters:
    ///   - recipe: the recipe.
    ///   - output: the output folder.
    ///   - threads: the number of threads.
    ///   - initial: a model folder with the initial parameters; nil draws random ones.
    ///   - resumes: whether to continue from the newest checkpoint in `output`.
    ///   - instructionSet: the instruction set of the kernels. By default the one in `OURO_ISA`, otherwise the best of
    ///     this machine.
    ///   - sources: makes the data source of each stage; nil opens the recipe's own sources.
    /// - Throws: `OuroError` with one of these codes, or the error of reading the checkpoint, the initial model or the
    ///   data:
    ///   - `invalidRequest` if `output` holds a training and `resumes` is false, or if it holds none and `resumes` is
    ///     true.
    ///   - `unsupported` if this machine lacks the instruction set.
    ///   - `memoryExceeded` if a stage does not fit into memory.
    public init(
        recipe: Recipe, output: URL, threads: Int, initial: URL? = nil, resumes: Bool = false,
        instructionSet: String? = nil, sources: Sources? = nil
    ) throws(OuroError) {
        guard let stage = recipe.stages.first else { throw OuroError(.invalidRecipe, file: recipe.file, "no stages") }
        try TrainingPlan.checkMemory(recipe, threads: threads)
        self.recipe = recipe
        self.output = output
        // Not `??`: the compiler crashes on a function with a typed error as its right-hand side.
        if let sources { self.sources = sources } else { self.sources = RecipeSources.make }
        compute = try Compute(threads: threads, kernels: instructionSet)
        folder = CheckpointFolder(output)
        let newest = folder.files.last
        if let newest, !resumes {
            throw OuroError(
                .invalidRequest, file: newest.path,
                "this folder already holds a training; continue it with --resume, or start a new one with another --output"
            )
        }
        guard let newest, resumes else {
            guard !resumes else {
                throw OuroError(
                    .invalidRequest, file: folder.url.path,
                    "there is no checkpoint to resume from; start without --resume")
            }
            let configuration = recipe.configuration(of: stage)
            model = TrainableModel(configuration, compute: compute)
            if let initial {
                try Self.read(initial, into: model)
            } else {
                model.initialise(
                    seed: recipe.seed, deviation: recipe.initialDeviation, gateBias: recipe.initialGateBias)
            }
            adapters = try Self.adapters(recipe, initial, model)
            optimizer = AdamW(adapters?.trainables ?? model.trainables, settings: recipe.optimizer)
            step = TrainingStep(model)
            source = try self.sources(recipe, stage)
            try folder.create()
            log = try TrainingLog(output.appendingPathComponent("log.jsonl"), after: 0)
            events = try TensorBoardEvents(folder: output.appendingPathComponent("events"))
            return
        }
        let checkpoint = try TrainingCheckpoint(contentsOf: newest, recipe: recipe)
        progress = checkpoint.progress
        let note = Provenance.note(from: checkpoint.provenance, to: Provenance(compute), step: progress.step)
        notes = note.map { [$0] } ?? []
        let current = recipe.stages[checkpoint.progress.stage]
        model = TrainableModel(recipe.configuration(of: current), compute: compute)
        if let base = checkpoint.base {
            try Self.read(URL(fileURLWithPath: base.path), into: model)
            adapters = try Self.adapters(recipe, URL(fileURLWithPath: base.path), model)
            try adapters?.check(base)
        } else {
            adapters = nil
        }
        optimizer = AdamW(adapters?.trainables ?? model.trainables, settings: recipe.optimizer)
        try checkpoint.restore(optimizer)
        step = TrainingStep(model)
        source = try self.sources(recipe, current)
        try source.seek(to: checkpoint.position)
        savedStep = progress.step
        log = try TrainingLog(output.appendingPathComponent("log.jsonl"), after: progress.step)
        events = try TensorBoardEvents(folder: output.appendingPathComponent("events"))
        parametersChanged()
    }

    private static func adapters(
        _ recipe: Recipe, _ initial: URL?, _ model: TrainableModel
    ) throws(OuroError) -> LowRankAdapters? {
        guard let settings = recipe.lora else { return nil }
        guard let initial else {
            throw OuroError(
                .invalidRequest, file: recipe.file, field: "lora", "adapters need a trained model; give it with --init")
        }
        return LowRankAdapters(model, settings: settings, seed: recipe.seed, path: initial.standardizedFileURL.path)
    }

    private func parametersChanged() {
        if let adapters { adapters.merge() } else { model.parametersChanged() }
    }

    private static func read(_ initial: URL, into model: TrainableModel) throws(OuroError) {
        let found = try ModelConfiguration(contentsOf: initial.appendingPathComponent("config.json"))
        guard ParameterLayout(found).tensors.map(\.shape) == model.layout.tensors.map(\.shape) else {
            throw OuroError(
                .invalidRecipe, file: initial.path,
                "its shapes differ from the recipe's model; copy the sizes in its config.json to the recipe's 'model'")
        }
        try model.read(Checkpoint(folder: initial))
    }

    /// Trains to the end of the recipe, or until `stop` returns true after a step.
    ///
    /// - Parameters:
    ///   - stop: called before every step. True saves a checkpoint and stops.
    ///   - report: called for every step that is logged.
    /// - Returns: why the training ended.
    /// - Throws: `OuroError` with code `nonFinite` if the loss or a gradient is not finite, `unwritableFile` if a
    ///   checkpoint cannot be written, or the error of the data source. Earlier checkpoints are kept.
    public func run(stop: () -> Bool, report: (StepReport) -> Void) throws(OuroError) -> Outcome {
        lastSave = .now
        while progress.stage < recipe.stages.count {
            let stage = recipe.stages[progress.stage]
            while progress.stageStep < stage.steps {
                if stop() {
                    try save()
                    return .stopped
                }
                let taken = try takeStep(stage)
                if progress.step % recipe.logSteps == 0 || progress.stageStep == stage.steps {
                    try log.append(taken.json)
                    try events.append(taken)
                    report(taken)
                }
                if isDue { try save() }
            }
            try save()
            guard progress.stage + 1 < recipe.stages.count else { break }
            try enterStage(progress.stage + 1)
        }
        try export()
        return .finished
    }

    /// The folder that `export()` writes: `model`, or `adapter` if adapters are trained.
    public var resultFolder: URL { output.appendingPathComponent(adapters == nil ? "model" : "adapter") }

    /// Writes a model folder with the current parameters, or an adapter folder. `run(stop:report:)` does this at the
    /// end.
    ///
    /// - Throws: `OuroError` with code `unwritableFile`, or `invalidRequest` if the model does not have all layers of
    ///   the recipe yet.
    public func export() throws(OuroError) {
        if let adapters { return try adapters.write(to: resultFolder) }
        guard model.configuration.layerCount == recipe.model.layerCount else {
            throw OuroError(
                .invalidRequest, file: recipe.file,
                "the model has \(model.configuration.layerCount) layers, but the recipe's has \(recipe.model.layerCount); "
                    + "train until the stage that duplicates them")
        }
        try ModelExport(
            model: model, elementType: recipe.exportType, tokenizer: recipe.tokenizer.map { recipe.resolve($0) }
        ).write(to: resultFolder, configuration: recipe.model)
    }

    private func enterStage(_ index: Int) throws(OuroError) {
        let stage = recipe.stages[index]
        let configuration = recipe.configuration(of: stage)
        if stage.layers == model.configuration.layerCount {
            model.use(configuration)
            step.reset()
        } else {
            let larger = TrainableModel(configuration, compute: compute)
            larger.upcycle(from: model)
            model = larger
            // New layers have no moments yet, so all moments start at zero.
            optimizer = AdamW(model.trainables, settings: recipe.optimizer)
            step = TrainingStep(model)
        }
        source = try sources(recipe, stage)
        progress.stage = index
        progress.stageStep = 0
    }

    private func takeStep(_ stage: Recipe.Stage) throws(OuroError) -> StepReport {
        let start = ContinuousClock.now
        let rows = stage.rows(step: progress.stageStep)
        try source.next(into: &batch, rows: rows, length: stage.length)
        try checkTokens()
        step.computeGradients(batch, stage.compute, metrics: &metrics)
        adapters?.projectGradients()
        let gateOnly = stage.compute.objective.freezesModel
        let norm = optimizer.gradientNorm(gateOnly: gateOnly)
        let rate = stage.schedule.rate(step: progress.stageStep, of: stage.steps)
        guard metrics.objective.isFinite, norm.isFinite else {
            throw OuroError(
                .nonFinite, file: folder.files.last?.path, field: "step \(progress.step + 1)",
                "the loss is \(metrics.objective) and the gradient norm is \(norm); the last checkpoint is kept. Lower the "
                    + "learning rate (now \(rate)) or lengthen the warm-up")
        }
        // A batch without targets must not change the weights, not even by weight decay.
        if metrics.count > 0 {
            optimizer.update(rate: Float(rate), gradientNorm: norm, gateOnly: gateOnly)
            parametersChanged()
        }
        progress.stageStep += 1
        progress.step += 1
        progress.tokens += rows * stage.length
        let seconds = (ContinuousClock.now - start) / .seconds(1)
        let tokensPerSecond = Double(rows * stage.length) / max(seconds, 1e-9)
        return StepReport(
            progress: progress, totalSteps: recipe.stepCount, stage: stage.name, objective: stage.compute.objective,
            metrics: metrics, learningRate: rate, gradientNorm: norm, tokensPerSecond: tokensPerSecond,
            secondsLeft: tokensLeft / tokensPerSecond)
    }

    private var tokensLeft: Double {
        let stage = recipe.stages[progress.stage]
        let here = stage.tokens * (1 - Double(progress.stageStep) / Double(stage.steps))
        return recipe.stages[(progress.stage + 1)...].reduce(here) { $0 + $1.tokens }
    }

    /// Checks all tokens. They come from files, and the kernels do not check them.
    private func checkTokens() throws(OuroError) {
        let limit = Int32(recipe.model.vocabularySize)
        for index in batch.tokens.indices {
            let (token, target) = (batch.tokens[index], batch.targets[index])
            guard token >= 0, token < limit, target < limit else {
                throw OuroError(
                    .invalidRecipe, file: recipe.file, field: "model.vocab_size",
                    "the data has the token \(max(token, target)), but the model's vocabulary ends at \(limit - 1); pack the "
                        + "data with the model's tokenizer")
            }
        }
    }

    private var isDue: Bool {
        let settings = recipe.checkpoints
        if settings.everySteps > 0, progress.step % settings.everySteps == 0 { return true }
        return settings.everyMinutes > 0
            && (ContinuousClock.now - lastSave) / .seconds(60) >= settings.everyMinutes
    }

    /// Writes a checkpoint of the current state, unless it is already saved.
    ///
    /// - Throws: `OuroError` with code `unwritableFile`.
    public func save() throws(OuroError) {
        lastSave = .now
        guard savedStep != progress.step else { return }
        do throws(OuroError) {
            try TrainingCheckpoint.write(
                to: folder.file(step: progress.step), optimizer, progress: progress, position: source.position,
                recipe: recipe, provenance: Provenance(compute), base: adapters?.base)
        } catch {
            let advice =
                folder.files.last.map { "\($0.lastPathComponent) is kept; make room, then continue with --resume" }
                ?? "nothing is saved yet; make room, or give another --output, and start again"
            throw OuroError(error.code, file: error.file, field: error.field, "\(error.message). \(advice)")
        }
        savedStep = progress.step
        folder.keep(recipe.checkpoints.keep)
        if plots, progress.step >= recipe.logSteps { try TrainingPlot.draw(output, title: recipe.name) }
    }
}
