import Foundation
import OuroKernels

/// The settings of AdamW with decoupled weight decay, and of gradient clipping.
struct OptimizerSettings: Sendable, Equatable {
    /// Decay rate of the first moments.
    var beta1: Float = 0.9
    /// Decay rate of the second moments.
    var beta2: Float = 0.95
    /// Added to the root of the second moment, so that the step stays finite.
    var epsilon: Float = 1e-8
    /// Weight decay. It applies only to tensors with two or more dimensions.
    var weightDecay: Float = 0.1
    /// The largest L2 norm of all gradients together; larger gradients are scaled down to it. 0 turns clipping off.
    var clip: Float = 1
}

/// What an optimiser updates: parameters and their gradients.
struct Trainables {
    let tensors: [ParameterLayout.Tensor]
    /// The tensors that are updated when only the gate is trained.
    let gate: [ParameterLayout.Tensor]
    let parameters: ParameterArray
    let gradients: ParameterArray
    let compute: Compute
}

/// The moments of AdamW and its update.
///
/// The formula is PyTorch's: `p -= rate * decay * p`, then `p -= rate / c1 * m / (sqrt(v / c2) + epsilon)`. The norm of
/// the gradients is summed in pieces of a fixed size. So it does not depend on the number of threads.
final class AdamW {
    let target: Trainables
    let settings: OptimizerSettings
    let firstMoments: ParameterArray
    let secondMoments: ParameterArray
    /// Steps taken.
    var step = 0

    private struct Piece {
        let range: Range<Int>
        let decays: Bool
    }

    private let pieces: [Piece]
    private let gatePieces: [Piece]
    private var squares: [Double]

    init(_ target: Trainables, settings: OptimizerSettings) {
        self.target = target
        self.settings = settings
        firstMoments = ParameterArray(count: target.parameters.count)
        secondMoments = ParameterArray(count: target.parameters.count)
        pieces = target.tensors.flatMap(Self.cut)
        gatePieces = target.gate.flatMap(Self.cut)
        squares = Array(repeating: 0, count: pieces.count)
    }

    private static func cut(_ tensor: ParameterLayout.Tensor) -> [Piece] {
        let size = 1 << 14
        return stride(from: tensor.range.lowerBound, to: tensor.range.upperBound, by: size).map {
            Piece(range: $0..<min($0 + size, tensor.range.upperBound), decays: tensor.isMatrix)
        }
    }

    /// The L2 norm of the gradients of all parameters that are trained.
    func gradientNorm(gateOnly: Bool) -> Double {
        let pieces = gateOnly ? gatePieces : pieces
        let (compute, gradients) = (target.compute, target.gradients.base)
        squares.withUnsafeMutableBufferPointer { squares in
            guard let squares = squares.baseAddress else { return }
            compute.pool.forEach(pieces.count) { index, _ in
                let range = pieces[index].range
                squares[index] = compute.table.sum_of_squares(gradients + range.lowerBound, range.count)
            }
        }
        var sum = 0.0
        for index in pieces.indices { sum += squares[index] }
        return sum.squareRoot()
    }

    /// Updates the parameters from the gradients. Values derived from the parameters must be updated afterwards.
    ///
    /// - Parameters:
    ///   - rate: the learning rate.
    ///   - gradientNorm: the result of `gradientNorm(gateOnly:)`.
    ///   - gateOnly: update only the gate. Weight decay does not apply to the other parameters either.
    func update(rate: Float, gradientNorm: Double, gateOnly: Bool) {
        step += 1
        let clip = Double(settings.clip)
        let scale = clip > 0 ? min(1, clip / (gradientNorm + 1e-6)) : 1
        let (compute, pieces) = (target.compute, gateOnly ? gatePieces : pieces)
        let corrections = (
            Float(1 - pow(Double(settings.beta1), Double(step))), Float(1 - pow(Double(settings.beta2), Double(step)))
        )
        compute.pool.forEach(pieces.count) { index, _ in
            let piece = pieces[index]
            var step = ouro_adamw(
                rate: rate, beta1: settings.beta1, beta2: settings.beta2, epsilon: settings.epsilon,
                decay: piece.decays ? settings.weightDecay : 0, gradient_scale: Float(scale),
                correction1: corrections.0, correction2: corrections.1)
            let first = piece.range.lowerBound
            compute.table.adamw(
                &step, target.parameters.base + first, target.gradients.base + first, firstMoments.base + first,
                secondMoments.base + first, piece.range.count)
        }
    }
}
