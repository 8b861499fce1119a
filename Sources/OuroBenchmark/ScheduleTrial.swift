import Foundation
import Ouro
import Synchronization

/// One trial: requests that start together on their own scheduler, and their results.
struct ScheduleTrial {
    /// The tokens of every request.
    let streams: [[GeneratedToken]]
    /// The time at which each pass ended.
    private let passEnds: [Duration]
    private let loops: Int

    /// Runs requests on the calling thread until one is done or the time is over. All requests must have the same
    /// number of loops. After its first tokens, each request can generate two more in any case.
    ///
    /// - Throws: `OuroError` with code `memoryExceeded` if not all requests fit into memory together, or the error of a
    ///   request.
    init(
        _ requests: [(prompt: [Int], request: ResolvedRequest)], device: any PassDevice, freeRows: Int, seconds: Double,
        clock: BenchmarkClock = .machine
    ) throws(OuroError) {
        let layout = device.layout
        loops = requests.first?.request.loops ?? 1
        let needed =
            requests.reduce(0) {
                $0 + layout.blocks(positions: $1.prompt.count + $1.request.maxTokens, loops: $1.request.loops)
            } * layout.bytesPerBlock
        let available = Machine.current.availableMemory / 10 * 9
        guard needed <= available else {
            throw OuroError(
                .memoryExceeded, field: "streams",
                "the cache of \(requests.count) requests needs \(needed >> 20) MiB, but "
                    + "\(available >> 20) MiB are available; choose fewer streams or tokens")
        }
        let scheduler = Scheduler(
            device: device, pool: KVPool(device: device, budget: needed), rowsPerPass: Self.rowsPerPass,
            freeRows: freeRows)
        let sources = requests.map { prompt, request in
            let (stream, continuation) = AsyncThrowingStream<GeneratedToken, any Error>.makeStream()
            scheduler.submit(
                GenerationTask(
                    prompt: prompt, request: request, continuation: continuation, cancelled: AtomicFlag()))
            return stream
        }
        let first = loops * requests.reduce(1) { max($0, Self.chunks($1.prompt.count, of: $1.request.prefillChunk)) }
        var ends: [Duration] = []
        while !scheduler.isIdle {
            scheduler.runPass()
            ends.append(clock.now())
            if ends.count >= first + 2 * loops, (ends[ends.count - 1] - ends[first - 1]) / .seconds(1) > seconds {
                scheduler.cancelAll()
            }
        }
        passEnds = ends
        var streams: [[GeneratedToken]] = []
        for source in sources { streams.append(try Self.tokens(of: source)) }
        self.streams = streams
    }

    /// The engine's default. All prompts start in the first pass, so every request takes part in every pass.
    static let rowsPerPass = 512

    private static func chunks(_ count: Int, of size: Int) -> Int { max(1, (count - 2 + size) / size) }

    /// The tokens of a finished stream. Blocks until they arrive.
    private static func tokens(
        of stream: AsyncThrowingStream<GeneratedToken, any Error>
    ) throws(OuroError) -> [GeneratedToken] {
        let handover = Handover<Result<[GeneratedToken], any Error>>()
        Task {
            do {
                handover.give(.success(try await stream.reduce(into: []) { $0.append($1) }))
            } catch {
                handover.give(.failure(error))
            }
        }
        switch handover.take() {
        case .success(let tokens): return tokens
        case .failure(let error as OuroError): throw error
        case .failure(let error): throw OuroError(.invalidRequest, "\(error)")
        }
    }

    // MARK: figures

    /// The passes after all requests have their first token, and before any request is done.
    private var window: ClosedRange<Int> {
        let start = streams.map { $0.first?.passes ?? 1 }.max() ?? 1
        let end = streams.compactMap { $0.last?.finishReason == nil ? nil : $0.last?.passes }.min() ?? passEnds.count
        return start...max(start, end)
    }

    /// The sum over requests of tokens per unit of distance, between a request's first and last token in the window.
    private func rate(_ distance: (_ from: Int, _ to: Int) -> Double) -> Double {
        let window = window
        return streams.reduce(0) { sum, tokens in
            let seen = tokens.filter { window.contains($0.passes) }
            guard let first = seen.first?.passes, let last = seen.last?.passes, last > first else { return sum }
            return sum + Double(seen.count { $0.passes > first }) / distance(first, last)
        }
    }

    /// Tokens per second of all requests together.
    var tokensPerSecond: Double { rate { (passEnds[$1 - 1] - passEnds[$0 - 1]) / .seconds(1) } }

    /// Passes per token, over all requests.
    var passesPerToken: Double { 1 / rate { Double($1 - $0) } }

    var tokenCount: Int { streams.reduce(0) { $0 + $1.count } }

    var meanLoops: Double {
        let exits = streams.joined().map(\.exitLoop)
        return exits.isEmpty ? 0 : Double(exits.reduce(0, +)) / Double(exits.count)
    }
}

/// Hands a value from one thread to another.
final class Handover<Value: Sendable>: Sendable {
    private let value = Mutex<Value?>(nil)
    private let arrived = DispatchSemaphore(value: 0)

    func give(_ new: Value) {
        value.withLock { $0 = new }
        arrived.signal()
    }

    /// Blocks until the value arrives. Must not be called on Swift's cooperative pool.
    func take() -> Value {
        arrived.wait()
        guard let result = value.withLock({ $0 }) else { preconditionFailure("signalled without a value") }
        return result
    }
}
