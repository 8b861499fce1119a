import Foundation

/// The learning rate over the steps of a stage: a linear warm-up, then a shape.
struct LearningRateSchedule: Sendable, Equatable {
    /// The course of the rate after the warm-up.
    enum Shape: Sendable, Equatable {
        /// The peak rate for all steps.
        case constant
        /// Half a cosine from the peak to the final rate. The last step has the final rate.
        case cosine
        /// The peak rate, then a linear decay to the final rate over the last `decaySteps` steps.
        case warmUpStableDecay(decaySteps: Int)
    }

    /// The course of the rate after the warm-up.
    var shape: Shape
    /// The rate after the warm-up.
    var peak: Double
    /// The rate of the last step. A constant rate ignores it.
    var final: Double
    /// Steps of linear warm-up. The step after them has the peak rate.
    var warmUpSteps: Int

    /// Makes a schedule.
    ///
    /// - Parameters:
    ///   - shape: the course of the rate after the warm-up.
    ///   - peak: the rate after the warm-up.
    ///   - final: the rate of the last step; nil for the peak.
    ///   - warmUpSteps: steps of linear warm-up.
    init(_ shape: Shape, peak: Double, final: Double? = nil, warmUpSteps: Int = 0) {
        self.shape = shape
        self.peak = peak
        self.final = final ?? peak
        self.warmUpSteps = warmUpSteps
    }

    /// The learning rate of a step.
    ///
    /// - Parameters:
    ///   - step: the step within the stage, from 0.
    ///   - steps: the steps of the stage.
    func rate(step: Int, of steps: Int) -> Double {
        if step < warmUpSteps { return peak * Double(step + 1) / Double(warmUpSteps + 1) }
        let (done, all) = (Double(step - warmUpSteps), Double(max(1, steps - 1 - warmUpSteps)))
        switch shape {
        case .constant: return peak
        case .cosine: return final + (peak - final) * 0.5 * (1 + cos(.pi * min(1, done / all)))
        case .warmUpStableDecay(let decaySteps):
            let left = steps - 1 - step
            guard left < decaySteps, decaySteps > 0 else { return peak }
            return final + (peak - final) * Double(left) / Double(decaySteps)
        }
    }
}
