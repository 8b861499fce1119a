import Foundation
import OuroKernels
import Testing

@testable import Ouro

/// Compares every kernel of every variant with a plain computation in double precision. Some shapes are odd.
@Suite struct KernelTests {
    static let variants = Kernels.available.map(\.name)
    static let elements: [(element: ouro_element, name: String)] = [
        (OURO_F32, "f32"), (OURO_F16, "f16"), (OURO_BF16, "bf16"),
    ]

    private static func randomValues(_ count: Int, _ random: inout SeededRandom) -> [Float] {
        (0..<count).map { _ in Float.random(in: -1...1, using: &random) }
    }

    /// Converts values to an element type. Returns the bytes, and the values that they stand for.
    private static func encode(_ values: [Float], as element: ouro_element) -> (bytes: [UInt8], values: [Float]) {
        switch element {
        case OURO_F32: return (values.withUnsafeBytes { Array($0) }, values)
        case OURO_F16:
            let halves = values.map { Float16($0) }
            return (halves.withUnsafeBytes { Array($0) }, halves.map { Float($0) })
        default:
            let halves = values.map { UInt16($0.bitPattern >> 16) }
            return (halves.withUnsafeBytes { Array($0) }, halves.map { Float(bitPattern: UInt32($0) << 16) })
        }
    }

    /// Computes y = x times the matrix, with `panelsAtOnce` panels per call.
    private static func product(
        _ x: FloatRows, rows: Range<Int>, _ matrix: PackedMatrix, outputs: Int, kernels: Kernels, panelsAtOnce: Int
    ) -> FloatRows {
        let packed = AlignedMemory(byteCount: kernels.packedBytes(matrix, rows: rows.count))
        kernels.packRows(
            for: matrix.descriptor, x.row(rows.lowerBound), stride: x.stride, rows: rows.count,
            inputs: 0..<matrix.inputs, to: packed.base)
        let y = FloatRows(rows: rows.count, columns: matrix.panelCount * PackedMatrix.panel)
        for first in stride(from: 0, to: matrix.panelCount, by: panelsAtOnce) {
            kernels.multiply(
                packed.base, matrix.descriptor, rows: rows.count,
                panels: first..<min(first + panelsAtOnce, matrix.panelCount), into: y.view)
        }
        return y
    }

    @Test(arguments: variants, 0...2)
    func matrixProductsAreRight(variant: String, type: Int) throws {
        var random = SeededRandom(seed: 1)
        let kernels = try Kernels.select(variant)
        let element = Self.elements[type].element
        let pool = WorkerPool(threadCount: 2)
        for (inputs, outputs, rows) in [
            (1, 1, 1), (7, 5, 3), (64, 64, 1), (60, 94, 13), (33, 130, 25), (128, 16, 12), (16, 200, 4), (300, 70, 8),
            (270, 50, 64), (40, 33, 16), (40, 33, 24), (129, 49, 2), (1100, 50, 30),
        ] {
            let (bytes, weights) = Self.encode(Self.randomValues(inputs * outputs, &random), as: element)
            let matrix = bytes.withUnsafeBytes { bytes in
                PackedMatrix(
                    [WeightSource(storage: .values(bytes.baseAddress!, element), rows: outputs, columns: inputs)],
                    kernels: kernels, pool: pool)
            }
            let x = FloatRows(rows: rows, columns: inputs)
            for row in 0..<rows {
                for (index, value) in Self.randomValues(inputs, &random).enumerated() { x.row(row)[index] = value }
            }
            let y = Self.product(x, rows: 0..<rows, matrix, outputs: outputs, kernels: kernels, panelsAtOnce: 100)
            for row in 0..<rows {
                let expected = (0..<outputs).map { output in
                    Float(
                        (0..<inputs).reduce(0.0) { $0 + Double(x.row(row)[$1]) * Double(weights[output * inputs + $1]) }
                    )
                }
                // An f32 sum rounds once for every term, so the tolerance grows with the inputs.
                expectClose(
                    Array(y.values(row).prefix(outputs)), expected[...], absolute: max(1e-5, 4e-8 * Float(inputs)),
                    relative: 1e-5,
                    "\(Self.elements[type].name) \(rows)x\(inputs)x\(outputs), row \(row)")
                // A row alone has the same bits.
                let alone = Self.product(
                    x, rows: row..<(row + 1), matrix, outputs: outputs, kernels: kernels, panelsAtOnce: 1)
                #expect(alone.values(0) == y.values(row))
            }
        }
    }

    @Test(arguments: variants)
    func sumsOfOuterProductsAreRight(variant: String) throws {
        var random = SeededRandom(seed: 9)
        let kernels = try Kernels.select(variant)
        func randomRows(_ rows: Int, _ columns: Int) -> FloatRows {
            let result = FloatRows(rows: rows, columns: columns)
            for row in 0..<rows {
                for (index, value) in Self.randomValues(columns, &random).enumerated() {
                    result.row(row)[index] = value
                }
            }
            return result
        }
        for (samples, rows, columns, first) in [(1, 1, 1, 0), (5, 9, 50, 2), (130, 40, 33, 8), (300, 17, 96, 3)] {
            let (a, b) = (randomRows(samples, rows), randomRows(samples, columns))
            let (c, before) = (randomRows(rows, columns), FloatRows(rows: rows, columns: columns))
            for row in 0..<rows { before.row(row).update(from: c.row(row), count: columns) }
            kernels.addProducts(
                Kernels.Block(a), Kernels.Block(b), samples: samples, rows: first..<rows, columns: columns,
                factor: -0.5,
                to: Kernels.Block(c))
            for row in 0..<rows {
                let expected = (0..<columns).map { column in
                    let sum = (0..<samples).reduce(0.0) { $0 + Double(a.row($1)[row]) * Double(b.row($1)[column]) }
                    return Float(Double(before.row(row)[column]) - (row < first ? 0 : 0.5 * sum))
                }
                expectClose(
                    c.values(row), expected[...], absolute: 1e-5, relative: 1e-5,
                    "\(samples)x\(rows)x\(columns), row \(row)")
            }
        }
    }

    @Test(arguments: variants, [4, 8])
    func productsWithQuantisedWeightsAreRight(variant: String, bits: Int) throws {
        var random = SeededRandom(seed: 5)
        let kernels = try Kernels.select(variant)
        let pool = WorkerPool(threadCount: 2)
        for (inputs, outputs, rows, group) in [
            (32, 5, 1, 32), (64, 40, 3, 64), (128, 130, 13, 32), (256, 33, 25, 128), (192, 70, 8, 64), (96, 16, 2, 32),
            (128, 64, 40, 64),
        ] {
            for (element, name) in Self.elements {
                let quotients = (0..<(inputs * outputs)).map { _ in UInt32(random.int(0...(1 << bits - 1))) }
                let perWord = 32 / bits
                let words = stride(from: 0, to: quotients.count, by: perWord).map { first in
                    (0..<perWord).reduce(UInt32(0)) { $0 | quotients[first + $1] << (bits * $1) }
                }
                let count = inputs / group * outputs
                let scales = Self.encode(Self.randomValues(count, &random), as: element)
                let biases = Self.encode(Self.randomValues(count, &random).map { $0 * 8 }, as: element)
                let matrix = words.withUnsafeBytes { words in
                    scales.bytes.withUnsafeBytes { scales in
                        biases.bytes.withUnsafeBytes { biases in
                            PackedMatrix(
                                [
                                    WeightSource(
                                        storage: .groups(
                                            .init(
                                                words: words.baseAddress!, scales: scales.baseAddress!,
                                                biases: biases.baseAddress!, scaleElement: element, bits: bits,
                                                groupSize: group)), rows: outputs, columns: inputs)
                                ], kernels: kernels, pool: pool)
                        }
                    }
                }
                let x = FloatRows(rows: rows, columns: inputs)
                for row in 0..<rows {
                    for (index, value) in Self.randomValues(inputs, &random).enumerated() { x.row(row)[index] = value }
                }
                let y = Self.product(x, rows: 0..<rows, matrix, outputs: outputs, kernels: kernels, panelsAtOnce: 100)
                for row in 0..<rows {
                    // The activations after rounding to 8 bits.
                    let rounded = (0..<inputs).map { input -> Double in
                        let first = input / group * group
                        let largest = (first..<(first + group)).map { abs(x.row(row)[$0]) }.max() ?? 0
                        let quotient = (x.row(row)[input] * (127 / largest)).rounded(.toNearestOrEven)
                        return Double(quotient) * Double(largest / 127)
                    }
                    let expected = (0..<outputs).map { output in
                        Float(
                            (0..<inputs).reduce(0.0) { sum, input in
                                let at = output * (inputs / group) + input / group
                                let weight =
                                    Double(scales.values[at]) * Double(quotients[output * inputs + input])
                                    + Double(biases.values[at])
                                return sum + rounded[input] * weight
                            })
                    }
                    expectClose(
                        Array(y.values(row).prefix(outputs)), expected[...], absolute: 2e-5 * Float(1 << bits),
                        relative: 1e-5, "\(bits) bits, \(name) scales, \(rows)x\(inputs)x\(outputs), row \(row)")
                    let alone = Self.product(
                        x, rows: row..<(row + 1), matrix, outputs: outputs, kernels: kernels, panelsAtOnce: 1)
                    #expect(alone.values(0) == y.values(row))
                }
            }
        }
    }

    @Test(arguments: variants)
    func halvesWidenExactly(variant: String) throws {
        let kernels = try Kernels.select(variant)
        let bits = (0...UInt16.max).map { $0 }
        var found = [Float](repeating: 0, count: bits.count)
        bits.withUnsafeBytes { kernels.table.widen(OURO_F16, $0.baseAddress, bits.count, &found) }
        let wrong = zip(bits, found).filter { pair in
            let expected = Float(Float16(bitPattern: pair.0))
            return expected.isNaN ? !pair.1.isNaN : expected != pair.1
        }
        #expect(wrong.isEmpty, "f16 bit patterns \(wrong.prefix(3))")
        bits.withUnsafeBytes { kernels.table.widen(OURO_BF16, $0.baseAddress, bits.count, &found) }
        #expect(zip(bits, found).allSatisfy { UInt32($0) << 16 == $1.bitPattern || $1.isNaN })
    }

    @Test(arguments: variants)
    func normsAndSumsAreRight(variant: String) throws {
        var random = SeededRandom(seed: 2)
        let kernels = try Kernels.select(variant)
        for count in [1, 10, 16, 60, 64, 257] {
            let x = Self.randomValues(count, &random)
            let weight = Self.randomValues(count, &random)
            let base = Self.randomValues(count, &random)
            let square = x.reduce(0.0) { $0 + Double($1) * Double($1) }
            let scale = 1 / (square / Double(count) + 1e-6).squareRoot()
            let expected = zip(x, weight).map { Float(Double($0) * scale * Double($1)) }
            var found = [Float](repeating: 0, count: count)
            kernels.table.rms_norm(x, weight, count, 1e-6, &found)
            expectClose(found, expected[...], absolute: 1e-6, relative: 1e-5, "rms_norm of \(count)")
            found = base
            kernels.table.add_rms_norm(&found, x, weight, count, 1e-6)
            expectClose(found, zip(base, expected).map { $0 + $1 }[...], absolute: 1e-6, relative: 1e-5, "add_rms_norm")
            let product = zip(x, weight).reduce(0.0) { $0 + Double($1.0) * Double($1.1) }
            expectClose([kernels.table.dot(x, weight, count)], [Float(product)], absolute: 1e-5, relative: 1e-5, "dot")
            var (difference, norm): (Float, Float) = (0, 0)
            kernels.table.squared_change(x, base, count, &difference, &norm)
            let distance = zip(x, base).reduce(0.0) { $0 + pow(Double($1.0) - Double($1.1), 2) }
            expectClose([difference], [Float(distance)], absolute: 1e-5, relative: 1e-5, "change")
            let total = log(x.reduce(0.0) { $0 + exp(Double($1) * 9) })
            expectClose(
                [kernels.table.log_sum_exp(x.map { $0 * 9 }, count)], [Float(total)], absolute: 1e-5, "log_sum_exp")
            let largest = x.indices.max { x[$0] < x[$1] }
            #expect(kernels.table.argmax(x, count) == largest.map { Int64($0) })
        }
        #expect(kernels.table.argmax([1, 3, 3, 2], 4) == 0 + 1, "the first of equals")
        for bad in [Float.nan, .infinity, -.infinity] {
            for count in [1, 16, 40] {
                var values = [Float](repeating: 1, count: count)
                values[count / 2] = bad
                #expect(kernels.table.argmax(values, count) == -1, "\(bad) among \(count)")
            }
        }
    }

    @Test(arguments: variants)
    func swigluAndRopeAreRight(variant: String) throws {
        var random = SeededRandom(seed: 3)
        let kernels = try Kernels.select(variant)
        let gateUp = Self.randomValues(64, &random).map { $0 * 100 }
        var found = [Float](repeating: 0, count: 32)
        kernels.table.swiglu(gateUp, 64, 1, 0, 2, &found, 32)
        let expected = (0..<32).map { index -> Float in
            let (panel, lane) = index.quotientAndRemainder(dividingBy: 16)
            let gate = Double(gateUp[panel * 32 + lane])
            return Float(gate / (1 + exp(-gate)) * Double(gateUp[panel * 32 + 16 + lane]))
        }
        expectClose(found, expected[...], absolute: 1e-5, relative: 1e-5, "swiglu")

        let (heads, depth) = (3, 10)
        var x = Self.randomValues(heads * depth, &random)
        let before = x
        let angles = Self.randomValues(depth / 2, &random)
        kernels.table.rope(&x, heads, depth, angles.map { cosf($0) }, angles.map { sinf($0) })
        for head in 0..<heads {
            for index in 0..<(depth / 2) {
                let (a, b) = (before[head * depth + index], before[head * depth + depth / 2 + index])
                let (cosine, sine) = (cosf(angles[index]), sinf(angles[index]))
                expectClose(
                    [x[head * depth + index], x[head * depth + depth / 2 + index]],
                    [a * cosine - b * sine, b * cosine + a * sine], absolute: 1e-6, "rope")
            }
        }
    }

    @Test(arguments: variants, KVType.allCases)
    func attentionIsRight(variant: String, type: KVType) throws {
        var random = SeededRandom(seed: 4)
        let kernels = try Kernels.select(variant)
        var configuration = try ModelConfiguration(
            contentsOf: Fixtures.url("a_base_mha_fp32_seed1/config.json"))
        (configuration.layerCount, configuration.keyValueHeadCount) = (2, 1)
        for (depth, group, positions, rows, window) in [
            (10, 1, 1, 1, 0), (24, 2, 16, 3, 0), (16, 3, 50, 2, 0), (64, 1, 100, 8, 30), (10, 2, 33, 1, 17),
            (128, 1, 300, 1, 0), (128, 1, 70, 2, 0), (32, 8, 40, 1, 5), (20, 1, 37, 13, 9), (16, 5, 64, 1, 0),
            (10, 3, 700, 31, 0), (48, 1, 600, 40, 100), (6, 2, 530, 20, 260),
        ] {
            configuration.headDimension = depth
            let layout = KVLayout(configuration, type: type)
            let pageCount = (positions + 15) / 16
            let pages = (0..<pageCount).map { _ in AlignedMemory(byteCount: layout.bytesPerBlock) }
            // The content of unused positions must not change the result.
            for page in pages { memset(page.base, 0xff, layout.bytesPerBlock) }
            let keys = (0..<positions).map { _ in Self.randomValues(depth, &random) }
            let values = (0..<positions).map { _ in Self.randomValues(depth, &random) }
            let (keyOffset, valueOffset) = (layout.keyOffset(layer: 1, head: 0), layout.valueOffset(layer: 1, head: 0))
            for position in 0..<positions {
                let page = pages[position / 16].base
                kernels.cache.store(
                    type.element, keys[position], values[position], depth, layout.valueStride, position % 16,
                    page + keyOffset, page + valueOffset)
            }
            let query = FloatRows(rows: rows, columns: group * depth)
            for row in 0..<rows {
                for (index, value) in Self.randomValues(group * depth, &random).enumerated() {
                    query.row(row)[index] = value
                }
            }
            let table = pages.map { Optional(UnsafeRawPointer($0.base)) }
            let scratch = FloatRows(rows: 1, columns: ouro_attention_scratch(rows * group, depth))
            func attend(_ range: Range<Int>, into found: FloatRows) {
                table.withUnsafeBufferPointer { table in
                    var job = ouro_attention(
                        query: query.row(range.lowerBound), output: found.row(range.lowerBound),
                        query_stride: query.stride, output_stride: found.stride, blocks: table.baseAddress,
                        key_offset: keyOffset, value_offset: valueOffset, value_stride: layout.valueStride,
                        scratch: scratch.row(0), position: Int64(positions - rows + range.lowerBound),
                        window: Int64(window), rows: Int32(range.count), heads: Int32(group),
                        head_dimension: Int32(depth), scale: 0.3, element: type.element, compressed_pages: 0,
                        compressed_offset: 0, loops: 1, loop: 1, expanded: nil)
                    kernels.table.attend(&job)
                }
            }
            let together = FloatRows(rows: rows, columns: group * depth)
            attend(0..<rows, into: together)
            let alone = FloatRows(rows: rows, columns: group * depth)
            for row in 0..<rows { attend(row..<(row + 1), into: alone) }
            let tolerance: Float = type == .f32 ? 1e-5 : type == .bf16 ? 1e-2 : 2e-2
            for row in 0..<rows {
                let last = positions - rows + row
                let first = window == 0 ? 0 : max(0, last - window + 1)
                for head in 0..<group {
                    let q = query.values(row)[(head * depth)..<((head + 1) * depth)]
                    let scores = (first...last).map { position in
                        0.3 * zip(q, keys[position]).reduce(0.0) { $0 + Double($1.0) * Double($1.1) }
                    }
                    let weights = scores.map { exp($0) }
                    let total = weights.reduce(0, +)
                    let expected = (0..<depth).map { d in
                        Float((first...last).reduce(0.0) { $0 + weights[$1 - first] / total * Double(values[$1][d]) })
                    }
                    expectClose(
                        Array(together.values(row)[(head * depth)..<((head + 1) * depth)]), expected[...],
                        absolute: tolerance, relative: tolerance, "\(type) attention over \(positions) positions")
                }
                #expect(alone.values(row) == together.values(row), "a row alone has the same bits")
            }
        }
    }

    @Test func theNameComesBeforeTheEnvironment() throws {
        func name(_ name: String?, _ environment: [String: String]) throws -> String {
            try Kernels.select(name, environment: environment).name
        }
        let best = Kernels.available[0].name
        #expect(try name(nil, [:]) == best)
        #expect(try name(nil, ["OURO_ISA": ""]) == best)
        #expect(try name(nil, ["OURO_ISA": "portable"]) == "portable")
        #expect(try name(best, ["OURO_ISA": "portable"]) == best)
        #expect(try name("portable", ["OURO_ISA": "abacus"]) == "portable")
        #expect(throws: OuroError.self) { try name(nil, ["OURO_ISA": "abacus"]) }
    }

    @Test func anInstructionSetTheMachineLacksIsNamed() {
        let error = #expect(throws: OuroError.self) { try Kernels.select("abacus") }
        #expect(error?.field == "OURO_ISA")
        #expect(error?.message.contains("portable") == true)
    }
}

@Suite struct WorkerPoolTests {
    @Test(arguments: [1, 2, 5])
    func everyItemRunsOnce(threads: Int) {
        let pool = WorkerPool(threadCount: threads)
        for round in 0..<2000 {
            let count = round % 37
            let memory = AlignedMemory(byteCount: max(count, 1) * 8)
            let cells = memory.base.assumingMemoryBound(to: Int.self)
            pool.forEach(count) { item, worker in
                cells[item] += item + 1
                precondition(worker < threads)
            }
            #expect((0..<count).allSatisfy { cells[$0] == $0 + 1 })
        }
    }

    /// The time limit only ends a test whose workers never sleep.
    @Test(.timeLimit(.minutes(5))) func sleepingWorkersWakeUp() async throws {
        let pool = WorkerPool(threadCount: 3)
        for _ in 0..<5 {
            while pool.sleepingThreads < 2 {
                try Task.checkCancellation()
                await Task.yield()
            }
            let memory = AlignedMemory(byteCount: 64 * 8)
            let cells = memory.base.assumingMemoryBound(to: Int.self)
            pool.forEach(64) { item, _ in cells[item] = 1 }
            #expect((0..<64).allSatisfy { cells[$0] == 1 })
        }
    }

    @Test(arguments: [1, 2, 5])
    func threadsEndWithTheirPool(threads: Int) {
        var pool: WorkerPool? = WorkerPool(threadCount: threads)
        pool?.forEach(100) { _, _ in }
        let workers = pool?.workers
        #expect(workers?.liveThreads == threads - 1)
        pool = nil
        #expect(workers?.liveThreads == 0)
    }
}
