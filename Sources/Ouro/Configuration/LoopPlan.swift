/// The shape of a looped model: which layers run once, which run in every loop, and what a loop reads and writes.
///
/// A model's layers are numbered from 0, and ``prelude``, ``core`` and ``coda`` follow each other in that order. A token
/// runs the prelude once, the core in every loop, and the coda before each readout of logits. The default of every field
/// is what Ouro does. The comments name the families that need something else: Nanbeige 4.2, Huginn-0125 (arXiv
/// 2502.05171), and the retrofits of Llama, TinyLlama and OLMo-2 (arXiv 2511.07384).
///
/// The plan holds what decides the order of the work and the arithmetic of a layer. Sizes, windows, RoPE's frequencies and
/// tied embeddings are fields of ``ModelConfiguration``. Names and fused matrices are the checkpoint's matter.
public struct LoopPlan: Sendable, Equatable {
    /// What a loop takes in besides the state of the loop before.
    public enum Injection: String, Sendable {
        /// Nothing (Ouro, Nanbeige).
        case none
        /// The prelude's output e. A matrix [H, 2H] without bias maps [state ; e] to the core's input, in every loop
        /// (Huginn, retrofits).
        case concatenation
    }

    /// The state that loop 1 begins with.
    public enum Start: Sendable, Equatable {
        /// The token's embedding, or the prelude's output (Ouro, Nanbeige).
        case embedding
        /// Normal noise, cut off at three standard deviations; 0 gives zeros (Huginn, retrofits). The deviation is that of
        /// the state, after any scale and before the cut.
        case noise(deviation: Float)
    }

    /// Where the final norm is applied besides the place before the head.
    ///
    /// Only in Huginn does a state go through the final norm twice: before the coda, and after it.
    public enum LoopNorm: String, Sendable {
        /// After every loop. The head reads the last loop's normalised state; no second norm follows (Ouro, Nanbeige).
        case everyLoop
        /// After the last loop, before the coda. The next loop reads the state without norm (Huginn).
        case beforeCoda
        /// Nowhere else (retrofits, Nanbeige with `skip_loop_final_norm`).
        case none
    }

    /// Where the norms of a layer stand. In each formula f is the attention or the MLP.
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

    /// What happens to queries and keys between their products and RoPE.
    public enum QueryKey: String, Sendable {
        /// Nothing (Ouro, Nanbeige, Llama retrofits).
        case plain
        /// Each head's bias is added (Huginn).
        case bias
        /// RMS norms over the full width, all heads together (OLMo-2 retrofits).
        case norm
    }

    /// Which values of a head RoPE turns together.
    public enum Rotation: String, Sendable {
        /// Value i and value i + d/2 (Ouro, Nanbeige, retrofits).
        case halves
        /// Values 2i and 2i + 1 (Huginn).
        case adjacentPairs
    }

    /// Which cache slot of the core a loop writes its keys and values to.
    public enum CacheSlots: Sendable, Equatable {
        /// Each loop has its own slot (all families).
        case perLoop
        /// Loop r writes slot (r - 1) mod this number, over what is there (Huginn's `compress-sN`, N / 4 slots).
        case cyclic(Int)
    }

    /// Which keys and values of earlier positions a loop reads.
    public enum Reads: String, Sendable {
        /// Those in the slot that the loop itself writes (all families).
        case ownSlot
        /// Those in the deepest slot that each position has written, at most the loop's own (Huginn's `latest-m4`).
        case deepestSlot
    }

    /// What decides whether a token leaves before the last loop.
    public enum ExitSignal: String, Sendable {
        /// Nothing that the model was trained for (Nanbeige, retrofits).
        case none
        /// A trained gate: a linear map of the normalised state to one logit, with bias (Ouro).
        case gate
        /// How far the state moved in this loop, relative to its length (Huginn's `latent-diff`).
        case change
        /// The divergence between the predictions of two loops in turn (Huginn's `kl`).
        case divergence
    }

    /// Layers that run once, before loop 1 (Huginn, retrofits). They have one cache slot.
    public var prelude: Range<Int>
    /// Layers that run in every loop.
    public var core: Range<Int>
    /// Layers that run before each readout (Huginn, retrofits). They have one cache slot, and each readout of the same
    /// token writes over it, so that later tokens read what the deciding loop wrote.
    public var coda: Range<Int>
    /// Loops that the configuration asks for. A request may ask for fewer or more.
    public var loops: Int
    public var injection = Injection.none
    public var start = Start.embedding
    /// Embeddings are multiplied by this number (Huginn: the square root of its hidden size).
    public var embeddingScale: Float = 1
    public var loopNorm = LoopNorm.everyLoop
    public var layerNorms = LayerNorms.beforeAndAfterBranch
    public var queryKey = QueryKey.plain
    public var rotation = Rotation.halves
    public var cacheSlots = CacheSlots.perLoop
    public var reads = Reads.ownSlot
    public var exitSignal = ExitSignal.gate

    /// Ouro's plan: a core without prelude and coda.
    public init(core: Range<Int>, loops: Int) {
        prelude = core.lowerBound..<core.lowerBound
        self.core = core
        coda = core.upperBound..<core.upperBound
        self.loops = loops
    }

    /// Cache slots that the core's keys and values take at each position.
    public var slotCount: Int {
        switch cacheSlots {
        case .perLoop: loops
        case .cyclic(let count): min(loops, count)
        }
    }

    /// Checks that this is Ouro's plan, for a device that computes no other.
    ///
    /// - Parameters:
    ///   - device: the subject of the error's message, such as "the CPU device".
    ///   - file: the name in errors.
    /// - Throws: ``OuroError`` with code `unsupported`. Its field is `plan.` and the first field whose value the device
    ///   does not implement.
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
        // The core is last of the three: a prelude moves it, and the prelude is what the user should read about.
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
