/// The loss that training minimises: a mean over the positions that have a target.
enum Objective: Sendable, Equatable {
    /// Stage I of the paper (section 3.3): `sum_t p_t CE_t - beta H(p)`. Gradients also flow through the exit
    /// distribution p.
    case expectedLoss(beta: Float)
    /// Stage II of the paper (section 3.4): trains only the gate. The language model is frozen.
    case gate(GateTarget)
    /// Cross-entropy of the last loop.
    case lastLoop
    /// Mean of the cross-entropies of all loops.
    case meanOfLoops

    /// Whether only the gate is trained.
    var freezesModel: Bool { if case .gate = self { true } else { false } }
}

/// The target of the gate in stage II.
///
/// The gate learns to continue with probability `sigmoid(k (I - gamma))`, by binary cross-entropy. I is an improvement
/// of the cross-entropy, taken as a constant: no gradient flows through it.
enum GateTarget: String, Sendable, CaseIterable {
    /// The paper's target: at loop t = 2...T, the improvement that this loop brought, `max(0, CE_(t-1) - CE_t)`. The
    /// gate of the first loop has no target.
    case arrived
    /// The remaining improvement: at loop t = 1...T-1, `max(0, CE_t - min_(j > t) CE_j)`.
    case toCome = "to-come"

    /// The paper's k, and its gamma below.
    static let slope = 50.0
    static let threshold = 0.005
}
