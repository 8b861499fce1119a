import Foundation

/// The learning rate of a stage's steps: a warm-up, then a shape.
struct LearningRateSchedule: Sendable, Equatable {
    enum Shape: Sendable, Equatable {
        case constant
        /// Half a cosine from the peak to the final rate. The last step has the final rate.
        case cosine
        /// The peak rate, then a linear decay to the final rate over the last `decaySteps` steps.
        case warmUpStableDecay(decaySteps: Int)
    }

    var shape: Shape
    var peak: Double
    /// The peak itself for a constant rate.
    var final: Double
    /// Steps of linear growth to the peak, which the step after them has.
    var warmUpSteps: Int

    init(_ shape: Shape, peak: Double, final: Double? = nil, warmUpSteps: Int = 0) {
        self.shape = shape
        self.peak = peak
        self.final = final ?? peak
        self.warmUpSteps = warmUpSteps
    }

    /// The rate of a step, counted from 0, of a stage of `steps` steps.
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
