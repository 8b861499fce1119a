import Ouro

extension ScheduleBenchmark {
    /// Positions scored in one request, and the time limit in seconds.
    private static let windowLength = 256
    private static let seconds = 20.0

    /// Compares the prediction of every loop with that of the last loop.
    ///
    /// It uses a given text, or the model's own output if there is none. A text is split into windows. A long text is
    /// read until the time is over.
    func agreement(prompt: [Int], text: [Int]?) throws(OuroError) -> AgreementFigure {
        let start = plan.clock.now()
        let loops = configuration.loops
        var tally = AgreementTally(loops: loops)
        func score(_ tokens: [Int], skipping skipped: Int = 0) throws(OuroError) {
            for position in try scored(tokens).dropFirst(skipped) { tally.add(position) }
        }
        if let text {
            let length = min(Self.windowLength, configuration.contextLength)
            for first in stride(from: 0, to: text.count, by: length) {
                guard first == 0 || plan.clock.seconds(since: start) < Self.seconds else { break }
                try score(Array(text[first..<min(first + length, text.count)]))
            }
        } else {
            let tokens = prompt + (try generate(prompt, seconds: Self.seconds))
            // The last position of the prompt predicts the first generated token.
            try score(tokens.dropLast(), skipping: prompt.count - 1)
        }
        return tally.figure(
            AgreementFigure(
                shape: model.name, weights: model.weightName, threads: plan.threads, isGenerated: text == nil,
                positions: 0, agreement: [], settled: [], meanSettlingLoop: 0, exitThreshold: exitThreshold, exits: [],
                meanExitLoop: 0))
    }

    private func scored(_ tokens: [Int]) throws(OuroError) -> [ScoredPosition] {
        let device = model.device
        let loops = configuration.loops
        let blocks = device.layout.blocks(positions: tokens.count, loops: loops)
        let scheduler = Scheduler(
            device: device, pool: KVPool(device: device, budget: blocks * device.layout.bytesPerBlock),
            rowsPerPass: ScheduleTrial.rowsPerPass)
        let handover = Handover<Result<[ScoredPosition], OuroError>>()
        scheduler.submit(
            ScoringTask(
                ResolvedScoring(
                    tokens: tokens, loops: loops, exit: .threshold(exitThreshold), prefillChunk: Self.windowLength),
                cancelled: AtomicFlag(), deliver: { handover.give($0) }))
        while !scheduler.isIdle { scheduler.runPass() }
        return try handover.take().get()
    }
}

/// Counts agreeing predictions for every loop.
struct AgreementTally {
    private var positions = 0
    private var agreeing: [Int]
    private var settled: [Int]
    private var leaving: [Int]

    init(loops: Int) {
        agreeing = Array(repeating: 0, count: loops)
        (settled, leaving) = (agreeing, agreeing)
    }

    mutating func add(_ position: ScoredPosition) {
        guard let last = position.argmax.last else { return }
        positions += 1
        for (loop, guess) in position.argmax.enumerated() where guess == last { agreeing[loop] += 1 }
        let first = (position.argmax.lastIndex { $0 != last } ?? -1) + 1
        for loop in first..<settled.count { settled[loop] += 1 }
        leaving[position.exitLoop - 1] += 1
    }

    /// Fills in the shares and means of a figure.
    func figure(_ figure: AgreementFigure) -> AgreementFigure {
        var figure = figure
        let count = Double(max(positions, 1))
        func shares(_ counts: [Int]) -> [Double] { counts.map { Double($0) / count } }
        figure.positions = positions
        (figure.agreement, figure.settled, figure.exits) = (shares(agreeing), shares(settled), shares(leaving))
        figure.meanSettlingLoop = 1 + settled.dropLast().reduce(0) { $0 + 1 - Double($1) / count }
        figure.meanExitLoop = figure.exits.enumerated().reduce(0) { $0 + Double($1.offset + 1) * $1.element }
        return figure
    }
}
