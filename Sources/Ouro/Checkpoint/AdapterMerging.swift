import Foundation
import OuroKernels

extension Adapter {
    /// Writes a model folder with the adapter merged into the weights.
    ///
    /// - Parameters:
    ///   - model: the folder of the model.
    ///   - output: the folder to write. It must not exist, or be empty.
    /// - Throws: ``OuroError``. The code is `invalidCheckpoint` if the adapter belongs to another model, and
    ///   `unwritableFile` if the output cannot be written. Errors of reading the model are passed on.
    public func merge(into model: URL, output: URL) throws(OuroError) {
        let configuration = try ModelConfiguration(contentsOf: model.appendingPathComponent("config.json"))
        let checkpoint = try Checkpoint(folder: model)
        try checkpoint.validate(for: configuration)
        let merged = try checkpoint.merging(self, kernels: Kernels.select())
        let tensors = merged.tensors.sortedByKey().map {
            TensorDeclaration(name: $0.key, elementType: $0.value.elementType, shape: $0.value.shape)
        }
        try DerivedFolder.write(from: model, to: output, configuration: configuration, tensors: tensors) {
            (writer) throws(OuroError) in
            for tensor in tensors { try writer.write(tensor.name, merged.bytes(of: tensor.name).0) }
        }
    }
}

extension Checkpoint {
    /// The checkpoint with `W + scale * B A` in place of every weight W that an adapter changes.
    ///
    /// The sum is rounded to the type of W; f16 becomes f32. The new values are kept in memory.
    ///
    /// - Throws: ``OuroError`` with code `invalidCheckpoint` if the adapter belongs to another model, and with
    ///   `unsupported` if the weights are quantised.
    func merging(_ adapter: Adapter, kernels: Kernels) throws(OuroError) -> Checkpoint {
        var replacements: ExactDictionary<(memory: AlignedMemory, info: TensorInfo)> = [:]
        for (name, factors) in adapter.factors.sortedByKey() {
            guard let info = tensors[name] else {
                throw OuroError(
                    .invalidCheckpoint, file: adapter.path, field: name,
                    "the model has no such weight; the adapter was made for another model")
            }
            let (source, _) = try bytes(of: name)
            guard let element = info.elementType.kernelElement, let base = source.baseAddress else {
                throw OuroError(
                    .unsupported, file: adapter.path, field: name,
                    "the model's weights are quantised; merge the adapter into the original and quantise that")
            }
            guard info.shape == [factors.outputs, factors.inputs] else {
                throw OuroError(
                    .invalidCheckpoint, file: adapter.path, field: name,
                    "its factors make [\(factors.outputs), \(factors.inputs)], the model's weight is \(info.shape)")
            }
            let sum = FloatRows(rows: factors.outputs, columns: factors.inputs)
            let rowBytes = factors.inputs * info.elementType.byteCount
            for row in 0..<factors.outputs {
                kernels.table.widen(element, base + row * rowBytes, factors.inputs, sum.row(row))
            }
            adapter.addProduct(factors, to: sum, kernels: kernels)
            let type: ElementType = info.elementType == .bf16 ? .bf16 : .f32
            let memory = AlignedMemory(byteCount: info.elementCount * (type == .bf16 ? 2 : 4), clears: false)
            for row in 0..<factors.outputs {
                let values = UnsafeBufferPointer(start: sum.row(row), count: factors.inputs)
                let start = row * factors.inputs
                if type == .bf16 {
                    let target = memory.base.assumingMemoryBound(to: UInt16.self) + start
                    for (column, value) in values.enumerated() { target[column] = BFloat16.round(value) }
                } else {
                    let target = memory.base.assumingMemoryBound(to: Float.self) + start
                    target.update(from: sum.row(row), count: factors.inputs)
                }
            }
            replacements[name] = (
                memory, TensorInfo(name: name, elementType: type, shape: info.shape, byteRange: 0..<memory.byteCount)
            )
        }
        return replacing(replacements)
    }
}

extension Adapter {
    /// Computes `sum += scale * B A`. The shape of `sum` is that of the factors.
    func addProduct(_ factors: Factors, to sum: FloatRows, kernels: Kernels) {
        let (a, b) = (
            FloatRows(rows: rank, columns: factors.inputs), FloatRows(rows: rank, columns: factors.outputs)
        )
        for index in 0..<rank {
            for input in 0..<factors.inputs { a.row(index)[input] = factors.a[index * factors.inputs + input] }
            for output in 0..<factors.outputs { b.row(index)[output] = factors.b[output * rank + index] }
        }
        kernels.addProducts(
            .init(b), .init(a), samples: rank, rows: 0..<factors.outputs, columns: factors.inputs, factor: scale,
            to: .init(sum))
    }
}
