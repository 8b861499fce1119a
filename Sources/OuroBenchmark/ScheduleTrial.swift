import Foundation
import Ouro
import Synchronization

/// Requests that start together on a scheduler of their own, and what came of them.
struct ScheduleTrial {
    /// The tokens of every request.
    let streams: [[GeneratedToken]]
    /// When every pass ended.
    private let passEnds: [Duration]
    private let loops: Int

    /// Runs requests of one number of loops, on the calling thread, until one is done or the time is over; after their first
    /// tokens they have time for two more in any case.
    ///
    /// - Throws: ``OuroError`` with code `memoryExceeded` if not all of them fit into memory together, or what a request
    ///   fails with.
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
                "the cache of \(requests.count) requests takes \(needed >> 20) MiB, of memory there are "
                    + "\(available >> 20) MiB; choose fewer streams or tokens")
        }
        let scheduler = Scheduler(
            device: device, pool: KVPool(device: device, budget: needed), rowsPerPass: Self.rowsPerPass,
            freeRows: freeRows)
        let sources = requests.map { prompt, request in
            let (stream, continuation) = AsyncThrowingStream<GeneratedToken, any Error>.makeStream()
            scheduler.submit(
                GenerationTask(
                    prompt: prompt, request: request, continuation: continuation, cancelled: CancellationFlag()))
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

    /// As an engine has it by default. All requests' prompts begin in the first pass, so that each takes part in every one.
    static let rowsPerPass = 512

    private static func chunks(_ count: Int, of size: Int) -> Int { max(1, (count - 2 + size) / size) }

    /// What a stream that has ended holds; waits for the thread that hands it over.
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

    // MARK: what is made of it

    /// Passes in which all requests had their first tokens and none was done.
    private var window: ClosedRange<Int> {
        let start = streams.map { $0.first?.passes ?? 1 }.max() ?? 1
        let end = streams.compactMap { $0.last?.finishReason == nil ? nil : $0.last?.passes }.min() ?? passEnds.count
        return start...max(start, end)
    }

    /// Sums up every request's tokens per unit of what lies between its first and last token in the window.
    private func rate(_ distance: (_ from: Int, _ to: Int) -> Double) -> Double {
        let window = window
        return streams.reduce(0) { sum, tokens in
            let seen = tokens.filter { window.contains($0.passes) }
            guard let first = seen.first?.passes, let last = seen.last?.passes, last > first else { return sum }
            return sum + Double(seen.count { $0.passes > first }) / distance(first, last)
        }
    }

    /// Of all requests together.
    var tokensPerSecond: Double { rate { (passEnds[$1 - 1] - passEnds[$0 - 1]) / .seconds(1) } }

    /// Passes per token, all requests together.
    var passesPerToken: Double { 1 / rate { Double($1 - $0) } }

    var tokenCount: Int { streams.reduce(0) { $0 + $1.count } }

    var meanLoops: Double {
        let exits = streams.joined().map(\.exitLoop)
        return exits.isEmpty ? 0 : Double(exits.reduce(0, +)) / Double(exits.count)
    }
}

/// A value that one thread waits for and another brings.
final class Handover<Value: Sendable>: Sendable {
    private let value = Mutex<Value?>(nil)
    private let arrived = DispatchSemaphore(value: 0)

    func give(_ new: Value) {
        value.withLock { $0 = new }
        arrived.signal()
    }

    /// Waits; not to be called on Swift's cooperative pool.
    func take() -> Value {
        arrived.wait()
        guard let result = value.withLock({ $0 }) else { preconditionFailure("signalled without a value") }
        return result
    }
}
