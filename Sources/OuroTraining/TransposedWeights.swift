import Ouro

/// Transposed copies of a model's matrices, [inputs][outputs], for the forward products.
///
/// Backward products read the parameters in their original layout. The copies are made once per step and shared by all
/// loops.
final class TransposedWeights {
    struct Layer {
        let queryKeyValue: FloatRows
        let attentionOutput: FloatRows
        let gateUp: FloatRows
        let down: FloatRows
    }

    let layers: [Layer]
    let head: FloatRows

    init(_ configuration: ModelConfiguration) {
        let hidden = configuration.hiddenSize
        let queries = configuration.headCount * configuration.headDimension
        let keys = configuration.keyValueHeadCount * configuration.headDimension
        layers = (0..<configuration.layerCount).map { _ in
            Layer(
                queryKeyValue: FloatRows(rows: hidden, columns: queries + 2 * keys),
                attentionOutput: FloatRows(rows: queries, columns: hidden),
                gateUp: FloatRows(rows: hidden, columns: 2 * configuration.intermediateSize),
                down: FloatRows(rows: configuration.intermediateSize, columns: hidden))
        }
        head = FloatRows(rows: hidden, columns: configuration.vocabularySize)
    }

    func update(from model: TrainableModel) {
        for (layer, offsets) in zip(layers, model.layout.layers) {
            Self.transpose(offsets.queryKeyValue, of: model, to: layer.queryKeyValue)
            Self.transpose(offsets.attentionOutput, of: model, to: layer.attentionOutput)
            Self.transpose(offsets.gateUp, of: model, to: layer.gateUp)
            Self.transpose(offsets.down, of: model, to: layer.down)
        }
        Self.transpose(model.layout.head, of: model, to: head)
    }

    private static func transpose(_ offset: Int, of model: TrainableModel, to out: FloatRows) {
        let (outputs, inputs) = (out.columns, out.rows)
        let source = model.parameters.matrix(at: offset, columns: inputs)
        let target = out.view
        let block = 64
        model.compute.pool.forEach((outputs + block - 1) / block) { item, _ in
            let first = item * block
            model.compute.table.transpose(
                source.row(first), inputs, min(block, outputs - first), inputs, target.base + first, target.stride)
        }
    }
}
