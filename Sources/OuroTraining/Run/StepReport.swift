import Foundation

/// What a step of training came to, as the progress line and the log show it.
public struct StepReport: Sendable {
    public let progress: TrainingProgress
    public let totalSteps: Int
    public let stage: String
    public let objective: Objective
    public let metrics: StepMetrics
    public let learningRate: Double
    /// Before clipping.
    public let gradientNorm: Double
    public let tokensPerSecond: Double
    /// To the end of the recipe, at the pace of this stage; nil before it is known.
    public let secondsLeft: Double?

    /// One line for a person.
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

    /// One JSON object. Keys keep their order; what is not finite becomes null.
    public var json: String {
        func number(_ value: Double) -> String { value.isFinite ? "\(value)" : "null" }
        func list(_ values: [Double]) -> String { "[" + values.map(number).joined(separator: ",") + "]" }
        let beta = if case .expectedLoss(let beta) = objective { "\(beta)" } else { "null" }
        return "{\"step\":\(progress.step),\"stage\":\"\(stage.filter { $0 != "\"" && $0 != "\\" })\","
            + "\"stage_step\":\(progress.stageStep),\"tokens\":\(progress.tokens),"
            + "\"loss\":\(number(metrics.objective)),\"loss_per_loop\":\(list(metrics.crossEntropy)),"
            + "\"exit_distribution\":\(list(metrics.exitDistribution)),\"entropy\":\(number(metrics.entropy)),"
            + "\"mean_exit_loop\":\(number(metrics.meanExitLoop)),\"beta\":\(beta),"
            + "\"learning_rate\":\(number(learningRate)),\"gradient_norm\":\(number(gradientNorm)),"
            + "\"tokens_per_second\":\(number(tokensPerSecond))}"
    }

    /// Hours and minutes, or what is shorter.
    public static func duration(_ seconds: Double) -> String {
        guard seconds.isFinite, seconds < 1e12 else { return "very long" }
        let total = Int(seconds.rounded())
        let (days, hours, minutes) = (total / 86_400, total / 3600 % 24, total / 60 % 60)
        if days >= 1000 { return "\(days / 365) years" }
        if days > 0 { return "\(days) d \(hours) h" }
        if hours > 0 { return "\(hours) h \(minutes) min" }
        return minutes > 0 ? "\(minutes) min \(total % 60) s" : "\(total) s"
    }
}
