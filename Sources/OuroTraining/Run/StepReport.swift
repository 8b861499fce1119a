import Foundation
import Ouro

/// The report of one training step, for the progress line and the log.
public struct StepReport: Sendable {
    /// The progress after the step.
    public let progress: TrainingProgress
    /// Steps of the whole recipe.
    let totalSteps: Int
    /// The stage's name.
    public let stage: String
    /// The objective of the stage.
    let objective: Objective
    /// Losses and exits of the step.
    public let metrics: StepMetrics
    /// The learning rate of the step.
    public let learningRate: Double
    /// L2 norm of all gradients together, before clipping.
    public let gradientNorm: Double
    /// Positions per second in the step.
    public let tokensPerSecond: Double
    /// Estimated seconds to the end of the recipe, at the current throughput; nil if it is not known yet.
    public let secondsLeft: Double?

    /// The report as one line of text.
    public var line: String {
        func text(_ value: Double, _ digits: Int) -> String { String(format: "%.\(digits)f", value) }
        let losses = metrics.crossEntropy.map { text($0, 3) }.joined(separator: " ")
        var parts = ["step \(progress.step)/\(totalSteps) \(stage)", "loss \(text(metrics.objective, 4)) (\(losses))"]
        if case .expectedLoss(let beta) = objective { parts.append("beta \(beta)") }
        parts += [
            "entropy \(text(metrics.entropy, 3))", "exit \(text(metrics.meanExitLoop, 2))",
            "lr \(String(format: "%.2e", learningRate))", "norm \(text(gradientNorm, 2))",
            "\(text(tokensPerSecond, 0)) tokens/s",
        ]
        if let secondsLeft { parts.append("\(Self.duration(secondsLeft)) left") }
        return parts.joined(separator: ", ")
    }

    /// The report as one JSON object on one line. Its members have a fixed order. A number that is not finite becomes
    /// null.
    public var json: String {
        let beta: JSONOutput = if case .expectedLoss(let beta) = objective { .float(beta) } else { .null }
        func list(_ values: [Double]) -> JSONOutput { .array(values.map { .double($0) }) }
        return JSONOutput.object([
            "step": .int(progress.step), "stage": .string(stage), "stage_step": .int(progress.stageStep),
            "tokens": .int(progress.tokens), "loss": .double(metrics.objective),
            "loss_per_loop": list(metrics.crossEntropy), "exit_distribution": list(metrics.exitDistribution),
            "entropy": .double(metrics.entropy), "mean_exit_loop": .double(metrics.meanExitLoop), "beta": beta,
            "learning_rate": .double(learningRate), "gradient_norm": .double(gradientNorm),
            "tokens_per_second": .double(tokensPerSecond),
        ]).text
    }

    /// A duration as text in the two units that fit, such as `3 h 20 min`.
    ///
    /// - Parameters:
    ///   - seconds: the duration.
    static func duration(_ seconds: Double) -> String {
        guard seconds.isFinite, seconds < 1e12 else { return "very long" }
        let total = Int(seconds.rounded())
        let (days, hours, minutes) = (total / 86_400, total / 3600 % 24, total / 60 % 60)
        if days >= 1000 { return "\(days / 365) years" }
        if days > 0 { return "\(days) d \(hours) h" }
        if hours > 0 { return "\(hours) h \(minutes) min" }
        return minutes > 0 ? "\(minutes) min \(total % 60) s" : "\(total) s"
    }
}
