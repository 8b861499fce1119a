import Ouro

/// The RoPE cosines and sines of all positions of a sequence.
struct RotaryTable {
    let cosine: FloatRows
    let sine: FloatRows
    /// For the inverse rotation of the backward pass.
    let negativeSine: FloatRows

    init(_ configuration: ModelConfiguration, length: Int) {
        let half = configuration.headDimension / 2
        cosine = FloatRows(rows: length, columns: half)
        sine = FloatRows(rows: length, columns: half)
        negativeSine = FloatRows(rows: length, columns: half)
        let rotary = RotaryEmbedding(configuration)
        for position in 0..<length {
            rotary.write(position: position, cosine: cosine.row(position), sine: sine.row(position))
            for index in 0..<half { negativeSine.row(position)[index] = -sine.row(position)[index] }
        }
    }
}
