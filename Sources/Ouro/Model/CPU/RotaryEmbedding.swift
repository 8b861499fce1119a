import Foundation

/// The angles of rotary position embedding, computed as the reference does: inverse frequency times position in f32, then
/// cosine and sine, scaled by YaRN's attention factor.
///
/// The same positions are used at every loop.
package struct RotaryEmbedding: Sendable {
    private let inverseFrequencies: [Float]
    private let scaling: Float

    private let firstPosition: Int

    package init(_ configuration: ModelConfiguration, firstPosition: Int = 0) {
        self.firstPosition = firstPosition
        (inverseFrequencies, scaling) = configuration.inverseFrequencies()
    }

    /// Writes cosine and sine of one position: `headDimension / 2` values each.
    package func write(position: Int, cosine: UnsafeMutablePointer<Float>, sine: UnsafeMutablePointer<Float>) {
        for (index, frequency) in inverseFrequencies.enumerated() {
            let angle = Float(firstPosition + position) * frequency
            cosine[index] = cosf(angle) * scaling
            sine[index] = sinf(angle) * scaling
        }
    }
}
