import Foundation

/// The cosines and sines of rotary position embedding, as in the reference implementation. The angle is inverse
/// frequency times position in f32. Cosine and sine are multiplied by YaRN's attention factor.
///
/// All loops use the same positions.
package struct RotaryEmbedding: Sendable {
    private let inverseFrequencies: [Float]
    private let scaling: Float

    private let firstPosition: Int

    package init(_ configuration: ModelConfiguration, firstPosition: Int = 0) {
        self.firstPosition = firstPosition
        (inverseFrequencies, scaling) = configuration.inverseFrequencies()
    }

    /// Writes the cosines and sines of one position: `headDimension / 2` values each.
    package func write(position: Int, cosine: UnsafeMutablePointer<Float>, sine: UnsafeMutablePointer<Float>) {
        for (index, frequency) in inverseFrequencies.enumerated() {
            let angle = Float(firstPosition + position) * frequency
            cosine[index] = cosf(angle) * scaling
            sine[index] = sinf(angle) * scaling
        }
    }
}
