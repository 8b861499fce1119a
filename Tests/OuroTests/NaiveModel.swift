import Foundation

@testable import Ouro

/// A plain looped transformer in double precision. It runs one position at a time and has an explicit list of keys and
/// values for every loop. It shows what a KV policy should compute, independently of the engine's code.
final class NaiveModel {
    struct Entry {
        var key: [Double]
        var value: [Double]
    }

    /// The result of one position.
    struct Result {
        var exitLoop: Int
        /// Log-probabilities of all tokens after each loop that ran.
        var logProbabilities: [[Double]] = []
    }

    let configuration: ModelConfiguration
    private let tensors: [String: [Double]]
    /// Keys and values by loop, layer and position. In a shared cache, all loops are equal.
    private var cache: [[[Entry]]] = []
    private let loops: Int

    init(_ folder: URL) throws {
        configuration = try ModelConfiguration(contentsOf: folder.appendingPathComponent("config.json"))
        let file = try SafetensorsFile(contentsOf: folder.appendingPathComponent("model.safetensors"))
        var tensors: [String: [Double]] = [:]
        for name in file.tensors.keys { tensors[name] = try file.floats(name).map(Double.init) }
        self.tensors = tensors
        loops = configuration.loops
        cache = Array(repeating: Array(repeating: [], count: configuration.layerCount), count: loops)
    }

    /// Runs a prompt with full keys and values. Then applies the policy to them.
    func prefill(_ tokens: [Int], _ policy: KVPolicy) -> Result {
        var last = Result(exitLoop: loops)
        for token in tokens {
            let (result, written) = run(token, exitLoop: { _ in false })
            for loop in 0..<loops { append(written[loop], to: loop) }
            last = result
        }
        for layer in 0..<configuration.layerCount {
            for position in tokens.indices {
                let kept = Self.keep(cache.map { $0[layer][position] }, policy)
                for loop in 0..<loops where policy.sharesLoops { cache[loop][layer][position] = kept }
            }
        }
        return last
    }

    /// Runs one token after the prompt until it exits, and applies the policy to its keys and values.
    func decode(_ token: Int, _ policy: KVPolicy, threshold: Double) -> Result {
        var survival = 1.0
        var cumulated = 0.0
        let (result, written) = run(token) { lambda in
            cumulated += lambda * survival
            survival *= 1 - lambda
            return threshold < 1 && cumulated >= threshold
        }
        for layer in 0..<configuration.layerCount {
            let kept = Self.keep(written.map { $0[layer] }, policy)
            for loop in 0..<loops { cache[loop][layer].append(kept) }
        }
        return result
    }

    private static func keep(_ entries: [Entry], _ policy: KVPolicy) -> Entry {
        if policy == .lastLoop { return entries[entries.count - 1] }
        func mean(_ part: (Entry) -> [Double]) -> [Double] {
            part(entries[0]).indices.map { index in
                entries.reduce(0) { $0 + part($1)[index] } / Double(entries.count)
            }
        }
        return Entry(key: mean(\.key), value: mean(\.value))
    }

    private func append(_ written: [Entry], to loop: Int) {
        for (layer, entry) in written.enumerated() { cache[loop][layer].append(entry) }
    }

    /// - Parameters:
    ///   - exitLoop: gets the lambda of every loop, and returns whether the token exits.
    private func run(_ token: Int, exitLoop leaves: (Double) -> Bool) -> (Result, written: [[Entry]]) {
        let hidden = configuration.hiddenSize
        let position = cache[0][0].count
        var x = Array(tensors["model.embed_tokens.weight"]![token * hidden..<(token + 1) * hidden])
        var result = Result(exitLoop: loops)
        var written: [[Entry]] = []
        for loop in 1...loops {
            var entries: [Entry] = []
            for layer in 0..<configuration.layerCount {
                let name = "model.layers.\(layer)."
                let normed = norm(x, name + "input_layernorm.weight")
                var entry = Entry(
                    key: multiply(name + "self_attn.k_proj.weight", normed),
                    value: multiply(name + "self_attn.v_proj.weight", normed))
                entry.key = turn(entry.key, position)
                let query = turn(multiply(name + "self_attn.q_proj.weight", normed), position)
                entries.append(entry)
                let attended = attend(query, cache[loop - 1][layer] + [entry])
                add(norm(multiply(name + "self_attn.o_proj.weight", attended), name + "input_layernorm_2.weight"), &x)
                let input = norm(x, name + "post_attention_layernorm.weight")
                let gate = multiply(name + "mlp.gate_proj.weight", input)
                let up = multiply(name + "mlp.up_proj.weight", input)
                let product = zip(gate, up).map { $0 / (1 + exp(-$0)) * $1 }
                add(
                    norm(multiply(name + "mlp.down_proj.weight", product), name + "post_attention_layernorm_2.weight"),
                    &x)
            }
            x = norm(x, "model.norm.weight")
            written.append(entries)
            let logits = multiply("lm_head.weight", x)
            let largest = logits.max()!
            let normaliser = largest + log(logits.reduce(0) { $0 + exp($1 - largest) })
            result.logProbabilities.append(logits.map { $0 - normaliser })
            let gate = multiply("model.early_exit_gate.weight", x)[0] + tensors["model.early_exit_gate.bias"]![0]
            if loop < loops, leaves(1 / (1 + exp(-gate))) {
                result.exitLoop = loop
                break
            }
        }
        return (result, written)
    }

    private func attend(_ query: [Double], _ entries: [Entry]) -> [Double] {
        let (depth, heads) = (configuration.headDimension, configuration.headCount)
        let group = heads / configuration.keyValueHeadCount
        var output = [Double](repeating: 0, count: heads * depth)
        for head in 0..<heads {
            let start = head / group * depth
            let scores = entries.map { entry in
                (0..<depth).reduce(0.0) { $0 + query[head * depth + $1] * entry.key[start + $1] }
                    / Double(depth).squareRoot()
            }
            let weights = scores.map { exp($0 - scores.max()!) }
            let total = weights.reduce(0, +)
            for (weight, entry) in zip(weights, entries) {
                for d in 0..<depth { output[head * depth + d] += weight / total * entry.value[start + d] }
            }
        }
        return output
    }

    private func turn(_ x: [Double], _ position: Int) -> [Double] {
        let depth = configuration.headDimension
        var y = x
        for start in stride(from: 0, to: x.count, by: depth) {
            for i in 0..<depth / 2 {
                let angle = Double(position) / pow(configuration.rope.theta, Double(2 * i) / Double(depth))
                let (a, b) = (x[start + i], x[start + i + depth / 2])
                y[start + i] = a * cos(angle) - b * sin(angle)
                y[start + i + depth / 2] = b * cos(angle) + a * sin(angle)
            }
        }
        return y
    }

    private func norm(_ x: [Double], _ name: String) -> [Double] {
        let mean = x.reduce(0) { $0 + $1 * $1 } / Double(x.count)
        let scale = 1 / (mean + Double(configuration.rmsNormEpsilon)).squareRoot()
        return zip(x, tensors[name]!).map { $0 * scale * $1 }
    }

    private func multiply(_ name: String, _ x: [Double]) -> [Double] {
        let matrix = tensors[name]!
        return (0..<matrix.count / x.count).map { row in
            matrix.withUnsafeBufferPointer { m in
                x.withUnsafeBufferPointer { x in
                    var sum = 0.0
                    for k in 0..<x.count { sum += m[row * x.count + k] * x[k] }
                    return sum
                }
            }
        }
    }

    private func add(_ delta: [Double], _ x: inout [Double]) { for index in x.indices { x[index] += delta[index] } }
}
