import Foundation

extension RopeConfiguration {
    /// Inverse frequencies in radians per position, and the factor of cosines and sines.
    ///
    /// The arithmetic is f32, in the order of the reference implementation, which divides a scalar by a tensor as the
    /// reciprocal times the scalar. Only the power is computed in f64 and rounded once. One unit in the last place of a
    /// frequency just below 1 would change the angle at position 65,000 by 0.004 radians.
    func inverseFrequencies(headDimension: Int) -> (frequencies: [Float], attentionScaling: Float) {
        // The reciprocals: positions per radian.
        let periods = (0..<max(0, headDimension / 2)).map { index in
            Float(pow(Double(Float(theta)), Double(Float(2 * index) / Float(headDimension))))
        }
        let frequencies = periods.map { 1 / $0 }
        switch scaling {
        case .default: return (frequencies, 1)
        case .linear(let factor): return (frequencies.map { $0 / Float(factor) }, 1)
        case .yarn(let yarn):
            let ramp = yarn.ramp(count: periods.count, headDimension: headDimension, theta: theta)
            let blended = periods.indices.map { index in
                let kept = 1 - ramp[index]
                let interpolated = 1 / (Float(yarn.factor) * periods[index])
                return interpolated * (1 - kept) + frequencies[index] * kept
            }
            return (blended, Float(yarn.attentionFactor))
        case .llama3(let llama3): return (frequencies.map(llama3.scale), 1)
        }
    }
}

extension YarnScaling {
    /// `0.1 mscale ln(factor) + 1`, or 1 if the factor is at most 1.
    static func attentionFactor(factor: Double, mscale: Double = 1) -> Double {
        factor <= 1 ? 1 : 0.1 * mscale * log(factor) + 1
    }

    /// The share of each frequency that is divided by the factor, from 0 to 1.
    fileprivate func ramp(count: Int, headDimension: Int, theta: Double) -> [Float] {
        /// The fractional index of the frequency that makes so many rotations within the training context.
        func index(turns: Double) -> Double {
            Double(headDimension) * log(Double(originalContextLength) / (turns * 2 * .pi)) / (2 * log(theta))
        }
        var (low, high) = (index(turns: betaFast), index(turns: betaSlow))
        if truncatesRamp { (low, high) = (low.rounded(.down), high.rounded(.up)) }
        (low, high) = (max(low, 0), min(high, Double(headDimension - 1)))
        if low == high { high += 0.001 }
        return (0..<count).map { min(max((Float($0) - Float(low)) / Float(high - low), 0), 1) }
    }
}

extension Llama3Scaling {
    /// Scales one frequency.
    fileprivate func scale(_ frequency: Float) -> Float {
        let original = Float(originalContextLength)
        let longest = Float(Double(originalContextLength) / lowFrequencyFactor)
        let shortest = Float(Double(originalContextLength) / highFrequencyFactor)
        let wave = 1 / frequency * Float(2 * Double.pi)
        if wave < shortest { return frequency }
        if wave > longest { return frequency / Float(factor) }
        let share =
            (1 / wave * original - Float(lowFrequencyFactor)) / Float(highFrequencyFactor - lowFrequencyFactor)
        return (1 - share) * frequency / Float(factor) + share * frequency
    }
}
