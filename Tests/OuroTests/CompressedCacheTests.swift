import Foundation
import OuroKernels
import Testing

@testable import Ouro

/// Tests that compressed pages can be read again, and that attention over them is right.
@Suite struct CompressedCacheTests {
    private struct Page {
        let memory: AlignedMemory
        /// Keys and values before compression, `[loop][position][dimension]`.
        let keys: [[[Float]]]
        let values: [[[Float]]]
    }

    private static func page(_ loops: Int, depth: Int, _ random: inout SeededRandom, scale: Float = 1) -> Page {
        func vectors() -> [[[Float]]] {
            // Successive loops have similar values.
            var last = (0..<16).map { _ in (0..<depth).map { _ in Float.random(in: -scale...scale, using: &random) } }
            return (0..<loops).map { _ in
                last = last.map { $0.map { $0 + Float.random(in: -scale / 8...scale / 8, using: &random) } }
                return last
            }
        }
        let (keys, values) = (vectors(), vectors())
        func rows(_ x: [[[Float]]]) -> FloatRows {
            let rows = FloatRows(rows: loops * 16, columns: depth)
            for (row, vector) in x.joined().enumerated() {
                for (index, value) in vector.enumerated() { rows.row(row)[index] = value }
            }
            return rows
        }
        let (k, v, decoded) = (rows(keys), rows(values), FloatRows(rows: 32, columns: depth))
        let memory = AlignedMemory(byteCount: ouro_compressed_bytes(loops, depth))
        memset(memory.base, 0xff, memory.byteCount)
        Kernels.portable.cache.compress(k.row(0), v.row(0), k.stride, loops, depth, decoded.row(0), memory.base)
        return Page(memory: memory, keys: keys, values: values)
    }

    private static func expand(
        _ page: Page, _ kernels: Kernels, loops: Int, loop: Int, depth: Int
    ) -> (keys: [[Float]], values: [[Float]]) {
        let stride = (depth + 15) / 16 * 16
        let keys = AlignedMemory(byteCount: depth * 64), values = AlignedMemory(byteCount: stride * 64)
        let (k, v) = (keys.base.assumingMemoryBound(to: Float.self), values.base.assumingMemoryBound(to: Float.self))
        kernels.cache.expand(page.memory.base, loops, loop, depth, stride, k, v)
        return (
            (0..<16).map { j in (0..<depth).map { k[$0 * 16 + j] } },
            (0..<16).map { j in (0..<depth).map { v[j * stride + $0] } }
        )
    }

    @Test(arguments: Kernels.available.map(\.name), [(4, 32), (1, 16), (2, 24), (6, 10), (3, 128)])
    func pagesReadAsWritten(variant: String, shape: (loops: Int, depth: Int)) throws {
        let kernels = try Kernels.select(variant)
        var random = SeededRandom(seed: 5)
        let page = Self.page(shape.loops, depth: shape.depth, &random)
        for loop in 1...shape.loops {
            let (keys, values) = Self.expand(page, kernels, loops: shape.loops, loop: loop, depth: shape.depth)
            // Rounding is off by at most half a step. At the last loop it rounds the values, at earlier loops the
            // differences. Clipped values are off by more, so the mean is compared with half a step.
            let range: Float = loop == shape.loops ? 1.5 : 0.4
            for (found, expected, ofValues) in [(keys, page.keys[loop - 1], 0), (values, page.values[loop - 1], 1)] {
                let step = range / exp2(Float(ouro_compressed_bits(shape.loops, loop, Int32(ofValues)) - 1))
                let errors = zip(found.joined(), expected.joined()).map { abs($0 - $1) }
                let mean = errors.reduce(0, +) / Float(errors.count)
                #expect(mean < step / 2, "loop \(loop): mean \(mean), half a step is \(step / 2)")
                #expect(errors.max()! < 6 * step, "loop \(loop): \(errors.max()!)")
            }
        }
    }

    @Test func nothingStaysNothingAndWhatIsNotFiniteStaysThat() {
        var random = SeededRandom(seed: 6)
        let nothing = Self.expand(
            Self.page(4, depth: 16, &random, scale: 1e-30), .portable, loops: 4, loop: 1, depth: 16)
        #expect(nothing.keys.joined().allSatisfy { abs($0) < 1e-4 })
        let huge = Self.expand(
            Self.page(4, depth: 16, &random, scale: 1e30), .portable, loops: 4, loop: 1, depth: 16)
        #expect(huge.values.joined().allSatisfy { !$0.isFinite }, "too large to be written, and not made small")
    }

    @Test(
        arguments: Kernels.available.map(\.name),
        [(16, 50, 0, 1), (24, 300, 0, 2), (32, 700, 100, 1), (10, 530, 260, 2), (128, 17, 0, 1)])
    func attentionReadsCompressedPages(
        variant: String, shape: (depth: Int, positions: Int, window: Int, group: Int)
    ) throws {
        let kernels = try Kernels.select(variant)
        let (depth, positions, window, group) = shape
        var random = SeededRandom(seed: 8)
        var configuration = try ModelConfiguration(contentsOf: Fixtures.url("code_lm/config.json"))
        (configuration.headDimension, configuration.keyValueHeadCount, configuration.layerCount) = (depth, 1, 1)
        let (loops, loop) = (4, 2)
        for type in KVType.allCases {
            let layout = KVLayout(configuration, type: type)
            let whole = (positions - 1) / 16
            let pages = (0..<whole).map { _ in Self.page(loops, depth: depth, &random) }
            let tail = AlignedMemory(byteCount: layout.bytesPerBlock)
            memset(tail.base, 0xff, tail.byteCount)
            var keys: [[Float]] = []
            var values: [[Float]] = []
            for page in pages {
                let expanded = Self.expand(page, kernels, loops: loops, loop: loop, depth: depth)
                keys += expanded.keys
                values += expanded.values
            }
            let one = FloatRows(rows: 2, columns: depth)
            for slot in 0..<(positions - whole * 16) {
                let vectors = (0..<2).map { _ in (0..<depth).map { _ in Float.random(in: -1...1, using: &random) } }
                kernels.cache.store(
                    type.element, vectors[0], vectors[1], depth, layout.valueStride, slot,
                    tail.base + layout.keyOffset(layer: 0, head: 0), tail.base + layout.valueOffset(layer: 0, head: 0))
                kernels.cache.read(
                    type.element, tail.base + layout.keyOffset(layer: 0, head: 0),
                    tail.base + layout.valueOffset(layer: 0, head: 0), depth, layout.valueStride, slot, one.row(0),
                    one.row(1))
                expectClose(one.values(0), vectors[0][...], absolute: 0.01, relative: 0.01, "\(type) key")
                expectClose(one.values(1), vectors[1][...], absolute: 0.01, relative: 0.01, "\(type) value")
                keys.append(one.values(0))
                values.append(one.values(1))
            }
            let query = FloatRows(rows: 1, columns: group * depth)
            for index in 0..<(group * depth) { query.row(0)[index] = Float.random(in: -1...1, using: &random) }
            let output = FloatRows(rows: 1, columns: group * depth)
            let scratch = FloatRows(rows: 1, columns: ouro_attention_scratch(group, depth))
            let expanded = FloatRows(rows: 1, columns: ouro_expansion_scratch(depth))
            for index in 0..<expanded.columns { expanded.row(0)[index] = .nan }
            let table = pages.map { Optional(UnsafeRawPointer($0.memory.base)) } + [UnsafeRawPointer(tail.base)]
            table.withUnsafeBufferPointer { table in
                var job = ouro_attention(
                    query: query.row(0), output: output.row(0), query_stride: query.stride,
                    output_stride: output.stride, blocks: table.baseAddress,
                    key_offset: layout.keyOffset(layer: 0, head: 0),
                    value_offset: layout.valueOffset(layer: 0, head: 0), value_stride: layout.valueStride,
                    scratch: scratch.row(0), position: Int64(positions - 1), window: Int64(window), rows: 1,
                    heads: Int32(group), head_dimension: Int32(depth), scale: 0.3, element: type.element,
                    compressed_pages: Int64(whole), compressed_offset: 0, loops: Int32(loops), loop: Int32(loop),
                    expanded: expanded.row(0))
                kernels.table.attend(&job)
            }
            let first = window == 0 ? 0 : max(0, positions - window)
            for head in 0..<group {
                let q = query.values(0)[(head * depth)..<((head + 1) * depth)]
                let weights = (first..<positions).map { position in
                    exp(0.3 * zip(q, keys[position]).reduce(0.0) { $0 + Double($1.0) * Double($1.1) })
                }
                let total = weights.reduce(0, +)
                let expected = (0..<depth).map { d in
                    Float((first..<positions).reduce(0.0) { $0 + weights[$1 - first] / total * Double(values[$1][d]) })
                }
                expectClose(
                    Array(output.values(0)[(head * depth)..<((head + 1) * depth)]), expected[...], absolute: 1e-5,
                    relative: 1e-5, "\(type), head \(head)")
            }
        }
    }
}
