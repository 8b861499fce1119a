import Ouro

/// Rounds the weights of some layers so that the output error on the calibration text is small.
///
/// The statistics of a layer's inputs are collected over all windows, positions and loops. The model that runs has the
/// earlier layers already quantised. So later layers can compensate for their errors.
struct Calibration {
    let runner: WindowRunner
    let checkpoint: Checkpoint
    let plan: QuantisationPlan
    let windows: [[Int]]

    private var model: LoopedTransformer { runner.device.transformer }
    private var configuration: ModelConfiguration { model.configuration }

    /// The layers that each run over the text calibrates.
    static func runs(_ options: QuantisationOptions, _ configuration: ModelConfiguration) -> [Range<Int>] {
        let bytes = LayerInput.allCases.reduce(0) {
            $0 + SecondMoments.byteCount(inputs: configuration.width(of: $1))
        }
        let layers = configuration.layerCount
        let count = options.layersPerRun ?? max(1, min((768 << 20) / bytes, (layers + 3) / 4))
        return stride(from: 0, to: layers, by: count).map { $0..<min($0 + count, layers) }
    }

    /// Checks that the statistics of a run fit into memory.
    ///
    /// - Throws: `OuroError` with code `memoryExceeded` if they do not.
    static func checkMemory(
        _ options: QuantisationOptions, _ configuration: ModelConfiguration,
        available: Int = Machine.current.availableMemory
    ) throws(OuroError) {
        let sizes = LayerInput.allCases.map { SecondMoments.byteCount(inputs: configuration.width(of: $0)) }
        let layers = runs(options, configuration).map(\.count).max() ?? 0
        // Factoring a matrix needs a copy of it.
        let bytes = sizes.reduce(0, +) * layers + (sizes.max() ?? 0)
        guard bytes <= available else {
            throw OuroError(
                .memoryExceeded, field: "calibrate",
                "the statistics of \(layers) layers need \(bytes >> 20) MiB, but \(available >> 20) MiB are available; "
                    + "calibrate fewer layers per run, or round without calibration")
        }
    }

    /// Collects the statistics of some layers, then rounds the layers one by one.
    ///
    /// - Parameters:
    ///   - layers: the layers of this run.
    ///   - isFinished: whether an interrupted run has already rounded a layer. Such layers are skipped.
    ///   - progress: called with the fraction of this run that is done.
    ///   - finish: receives a layer's quantised weights, by name.
    func run(
        layers: Range<Int>, isFinished: (Int) -> Bool, progress: (Double) -> Void,
        finish: (_ layer: Int, _ weights: [String: QuantisedMatrix]) throws -> Void
    ) throws {
        let open = layers.filter { !isFinished($0) }
        guard !open.isEmpty else { return progress(1) }
        var moments = try gather(open) { progress($0 * 0.8) }
        for (index, layer) in open.enumerated() {
            try Task.checkCancellation()
            let statistics = moments.removeValue(forKey: layer) ?? [:]
            try finish(layer, try round(layer, statistics))
            progress(0.8 + 0.2 * Double(index + 1) / Double(open.count))
        }
    }

    private func gather(_ layers: [Int], progress: (Double) -> Void) throws -> [Int: [LayerInput: SecondMoments]] {
        var moments: [Int: [LayerInput: SecondMoments]] = [:]
        for layer in layers {
            for input in LayerInput.allCases where isQuantised(layer, input) {
                moments[layer, default: [:]][input] = SecondMoments(inputs: configuration.width(of: input))
            }
        }
        let (kernels, pool) = (model.kernels, model.pool)
        model.taps.input = { [moments] layer, input, x, rows in
            moments[layer]?[input]?.add(x, rows: rows, kernels: kernels, pool: pool)
        }
        defer { model.taps.input = nil }
        for (index, window) in windows.enumerated() {
            try Task.checkCancellation()
            try runner.run(window)
            progress(Double(index + 1) / Double(windows.count))
        }
        return moments
    }

    private func isQuantised(_ layer: Int, _ input: LayerInput) -> Bool {
        plan.weights(input, layer: layer).contains { plan.setting(of: $0) != nil }
    }

    private func round(
        _ layer: Int, _ moments: [LayerInput: SecondMoments]
    ) throws(OuroError) -> [String: QuantisedMatrix] {
        var result: [String: QuantisedMatrix] = [:]
        let (kernels, pool) = (model.kernels, model.pool)
        for (input, sums) in moments.sorted(by: { $0.key.rawValue < $1.key.rawValue }) {
            let feedback = ErrorFeedback(sums, kernels: kernels, pool: pool)
            for name in plan.weights(input, layer: layer) {
                guard let setting = plan.setting(of: name) else { continue }
                let source = try checkpoint.source(of: name, configuration)
                let type = checkpoint.tensors[name]?.elementType ?? .f32
                let target: QuantisedMatrix
                do throws(OuroError) {
                    target = try QuantisedMatrix(
                        gridsOf: source, setting: setting, scaleType: type, kernels: kernels, pool: pool)
                } catch {
                    throw OuroError(error.code, file: checkpoint.filePath(of: name), field: name, error.message)
                }
                feedback.round(source, into: target, kernels: kernels, pool: pool)
                checkpoint.releasePages(of: name)
                result[name] = target
            }
        }
        return result
    }

    /// Replaces the weights of a layer by quantised ones.
    func use(_ quantised: [String: WeightSource], layer: Int) throws(OuroError) {
        func matrix(_ input: LayerInput) throws(OuroError) -> PackedMatrix {
            var sources: [WeightSource] = []
            for name in plan.weights(input, layer: layer) {
                if let source = quantised[name] {
                    sources.append(source)
                } else {
                    sources.append(try checkpoint.source(of: name, configuration))
                }
            }
            return PackedMatrix(
                sources, rowsInTurn: input == .attention ? configuration.attentionRowsInTurn : nil,
                kernels: model.kernels, pool: model.pool)
        }
        let old = model.weights.layers[layer]
        let new = LayerWeights(
            inputNorm: old.inputNorm, queryKeyValue: try matrix(.attention),
            attentionOutput: try matrix(.attentionOutput), attentionNorm: old.attentionNorm,
            mlpInputNorm: old.mlpInputNorm, gateUp: try matrix(.mlp), down: try matrix(.down), mlpNorm: old.mlpNorm)
        model.replaceLayer(layer, with: new)
    }
}
