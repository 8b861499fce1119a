/// The shape of a looped model: which layers run once, which run in every loop, and what a loop reads and writes.
///
/// The layers of a model are numbered from 0: first the ``prelude``, then the ``core``, then the ``coda``. A token runs
/// the prelude once, the core in every loop, and the coda before each readout of logits.
///
/// The default of every field is Ouro's. The comments name the model families that need another value: Nanbeige 4.2,
/// Huginn-0125 (arXiv 2502.05171), and the retrofits of Llama, TinyLlama and OLMo-2 (arXiv 2511.07384).
///
/// The plan describes the order of the work and the arithmetic of a layer. Sizes, attention windows, RoPE frequencies
/// and tied embeddings are in ``ModelConfiguration``. The names of the tensors belong to the checkpoint.
public struct LoopPlan: Sendable, Equatable {
    /// What a loop takes as input besides the state after the previous loop.
    public enum Injection: String, Sendable {
        /// Nothing (Ouro, Nanbeige).
        case none
        /// The prelude's output e. In every loop, a matrix [H, 2H] without bias maps [state ; e] to the core's input
        /// (Huginn, retrofits).
        case concatenation
    }

    /// The state before loop 1.
    public enum Start: Sendable, Equatable {
        /// The embedding of the token, or the output of the prelude (Ouro, Nanbeige).
        case embedding
        /// Normal noise, cut off at three standard deviations (Huginn, retrofits). `deviation` is the standard
        /// deviation of the state, after any scaling and before the cut. A deviation of 0 gives zeros.
        case noise(deviation: Float)
    }

    /// Where the final norm is applied, besides the place before the head.
    ///
    /// Only Huginn applies it to a state twice: before the coda and after it.
    public enum LoopNorm: String, Sendable {
        /// After every loop. The head reads the normalised state of the last loop; no second norm follows (Ouro,
        /// Nanbeige).
        case everyLoop
        /// After the last loop, before the coda. The next loop reads the state before the norm (Huginn).
        case beforeCoda
        /// Nowhere else (retrofits, Nanbeige with `skip_loop_final_norm`).
        case none
    }

    /// Where a layer applies norms. In each formula, f is the attention or the MLP.
    public enum LayerNorms: String, Sendable {
        /// `x + norm(f(norm(x)))`: four norms a layer (Ouro).
        case beforeAndAfterBranch
        /// `x + f(norm(x))`: two norms a layer (Nanbeige, Llama retrofits).
        case beforeBranch
        /// `x + norm(f(x))`: two norms a layer (OLMo-2 retrofits).
        case afterBranch
        /// `norm(x + f(norm(x)))`: four norms a layer (Huginn).
        case beforeBranchAndAfterSum
    }

    /// What is applied to queries and keys after their matrix products and before RoPE.
    public enum QueryKey: String, Sendable {
        /// Nothing (Ouro, Nanbeige, Llama retrofits).
        case plain
        /// The bias of each head is added (Huginn).
        case bias
        /// An RMS norm over all heads together (OLMo-2 retrofits).
        case norm
    }

    /// Which two values of a head RoPE rotates as a pair. d is the head dimension.
    public enum Rotation: String, Sendable {
        /// Value i and value i + d/2 (Ouro, Nanbeige, retrofits).
        case halves
        /// Values 2i and 2i + 1 (Huginn).
        case adjacentPairs
    }

    /// Which cache slot of the core receives the keys and values of a loop.
    public enum CacheSlots: Sendable, Equatable {
        /// Each loop has its own slot (all families).
        case perLoop
        /// Loop r overwrites slot (r - 1) mod this number (Huginn's `compress-sN` has N / 4 slots).
        case cyclic(Int)
    }

    /// Which keys and values of earlier positions a loop reads.
    public enum Reads: String, Sendable {
        /// Those in the slot that the loop writes itself (all families).
        case ownSlot
        /// Those in the deepest slot that a position has written, but none deeper than the loop's own (Huginn's
        /// `latest-m4`).
        case deepestSlot
    }

    /// The signal that lets a token exit before the last loop.
    public enum ExitSignal: String, Sendable {
        /// None: the model was not trained to exit (Nanbeige, retrofits).
        case none
        /// A trained gate: a linear map with bias from the normalised state to one logit (Ouro).
        case gate
        /// The change of the state in this loop, relative to the norm of the state (Huginn's `latent-diff`).
        case change
        /// The divergence between the predictions of two consecutive loops (Huginn's `kl`).
        case divergence
    }

    /// Layers that run once, before loop 1 (Huginn, retrofits). They have one cache slot.
    public var prelude: Range<Int>
    /// Layers that run in every loop.
    public var core: Range<Int>
    /// Layers that run before each readout (Huginn, retrofits). They have one cache slot. Each readout of a token
    /// overwrites it, so later tokens read the keys and values of the exit loop.
    public var coda: Range<Int>
    /// Number of loops in the configuration. A request may ask for fewer or more.
    public var loops: Int
    /// What a loop takes as input besides the state.
    public var injection = Injection.none
    /// The state before loop 1.
    public var start = Start.embedding
    /// Factor of the embeddings (Huginn: the square root of its hidden size).
    public var embeddingScale: Float = 1
    /// Where the final norm is applied, besides the place before the head.
    public var loopNorm = LoopNorm.everyLoop
    /// Where a layer applies norms.
    public var layerNorms = LayerNorms.beforeAndAfterBranch
    /// What is applied to queries and keys before RoPE.
    public var queryKey = QueryKey.plain
    /// Which values RoPE rotates as a pair.
    public var rotation = Rotation.halves
    /// Which cache slot a loop writes.
    public var cacheSlots = CacheSlots.perLoop
    /// Which keys and values of earlier positions a loop reads.
    public var reads = Reads.ownSlot
    /// The signal that lets a token exit before the last loop.
    public var exitSignal = ExitSignal.gate

    /// Makes Ouro's plan: a core, without prelude and coda.
    ///
    /// - Parameters:
    ///   - core: the layers that run in every loop.
    ///   - loops: the number of loops.
    public init(core: Range<Int>, loops: Int) {
        prelude = core.lowerBound..<core.lowerBound
        self.core = core
        coda = core.upperBound..<core.upperBound
        self.loops = loops
    }

    /// Number of cache slots of the core for each position.
    public var slotCount: Int {
        switch cacheSlots {
        case .perLoop: loops
        case .cyclic(let count): min(loops, count)
        }
    }

    /// Checks that this is Ouro's plan, for a device that supports no other.
    ///
    /// - Parameters:
    ///   - device: the subject of the error message, such as "the CPU device".
    ///   - file: the name of the file in errors.
    /// - Throws: ``OuroError`` with code `unsupported`. Its field is `plan.` and the first field that the device does
    ///   not support.
    package func requireSupported(by device: String, file: String = "config.json") throws(OuroError) {
        let supported = LoopPlan(core: 0..<core.count, loops: loops)
        func require<Value: Equatable>(_ field: String, _ value: KeyPath<LoopPlan, Value>) throws(OuroError) {
            guard self[keyPath: value] == supported[keyPath: value] else {
                throw OuroError(
                    .unsupported, file: file, field: "plan." + field,
                    "expected \(supported[keyPath: value]), the only value that \(device) implements, found "
                        + "\(self[keyPath: value])")
            }
        }
        // A prelude also moves the core. The error should name the prelude, so the core is checked last.
        try require("prelude", \.prelude)
        try require("coda", \.coda)
        try require("core", \.core)
        try require("injection", \.injection)
        try require("start", \.start)
        try require("embeddingScale", \.embeddingScale)
        try require("loopNorm", \.loopNorm)
        try require("layerNorms", \.layerNorms)
        try require("queryKey", \.queryKey)
        try require("rotation", \.rotation)
        try require("cacheSlots", \.cacheSlots)
        try require("reads", \.reads)
        try require("exitSignal", \.exitSignal)
    }
}
