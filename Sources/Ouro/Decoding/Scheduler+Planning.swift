// Decides which tasks have pages, and which rows run in the next pass. Only this file reserves pages.

extension Scheduler {
    /// Starts waiting tasks, in order, while there is room for their known positions and one more page each.
    func admit() {
        while let entry = waiting.first {
            let task = entry.task
            if let refusal, refusal.task === task, refusal.changes == pool.changes { return }
            let demand = task.demand
            let sequence = SequenceCache(
                pool: pool, maximumPositions: demand.maximumPositions, loops: demand.loops, salt: demand.cacheSalt,
                policy: demand.policy, prompt: demand.promptPositions)
            let reusable = task.reusableTokens
            let cached = sequence.takePrefix(of: reusable)
            let promised = live.reduce(0) { $0 + blocksToCome($1.task, $1.sequence) }
            guard live.isEmpty || pool.blocksInUse + promised + blocksToCome(task, sequence) <= pool.capacity else {
                sequence.release()
                refusal = (task, pool.changes)
                return
            }
            if !entry.isResumed {
                load.prefixQueries += reusable.count
                load.prefixHits += cached
            }
            refusal = nil
            task.start(sequence, cached: cached, slots: slots)
            live.append(entry)
            live[live.count - 1].sequence = sequence
            waiting.removeFirst()
        }
    }

    /// The number of blocks that a task will take soon: for its known positions, and one more page.
    private func blocksToCome(_ task: any SequenceTask, _ sequence: SequenceCache?) -> Int {
        guard let sequence else { return 0 }
        let demand = task.demand
        let positions = min(
            task.progress.knownPositions + KVLayout.positionsPerBlock, demand.maximumPositions)
        return sequence.blocksToCome(sequence.isCollapsed ? positions : min(positions, demand.promptPositions))
    }

    /// Chooses the rows of the next pass and reserves their pages. The order is:
    ///
    /// 1. rows of work that has begun, longest wait first,
    /// 2. the first loops of new prefill chunks, longest wait first,
    /// 3. rows on guesses, oldest task first, while the pass has at most `freeRows` rows.
    ///
    /// Paused tasks get no rows. They keep their pages.
    func plan() {
        // A task pauses for a whole pass: its rows run all or none.
        let paused = Set(live.indices.filter { live[$0].task.progress.isPaused })
        reserveRequired(besides: paused)
        var count = 0
        func add(_ rows: [Row], to index: Int) {
            guard !rows.isEmpty else { return }
            live[index].rows += rows
            live[index].lastPass = load.passes
            count += rows.count
        }
        for index in live.indices { live[index].rows.removeAll(keepingCapacity: true) }
        var skipped = paused
        for index in live.indices.sorted(by: { live[$0].lastPass < live[$1].lastPass }) where !paused.contains(index) {
            if count == 0 || count + live[index].task.progress.requiredRows <= rowsPerPass {
                add(live[index].task.rows(.required), to: index)
            } else {
                skipped.insert(index)
            }
        }
        for index in live.indices.sorted(by: { live[$0].lastChunk < live[$1].lastChunk })
        where count < rowsPerPass && !skipped.contains(index) {
            let chunk = live[index].task.progress.nextChunk
            guard !chunk.isEmpty else { continue }
            let end = reserve(chunk.prefix(rowsPerPass - count).endIndex, for: index)
            guard end > chunk.lowerBound else { continue }
            live[index].lastChunk = load.passes
            add(live[index].task.rows(.chunk(end: end)), to: index)
        }
        let limit = min(freeRows, rowsPerPass)
        for index in live.indices where count < limit && !skipped.contains(index) {
            let guesses = live[index].task.progress.guesses
            if !guesses.isEmpty { _ = reserve(guesses.prefix(limit - count).endIndex, for: index) }
            add(live[index].task.rows(.guesses(limit: limit - count)), to: index)
        }
    }

    /// Reserves pages for the required positions of every task, oldest task first. If the pool is full, the youngest
    /// task is preempted. A task that gets no page waits.
    private func reserveRequired(besides paused: Set<Int>) {
        var index = 0
        while index < live.count {
            guard !paused.contains(index) else {
                index += 1
                continue
            }
            let needed = live[index].task.progress.requiredPositions
            while reserve(needed, for: index) < needed, live.count > index + 1 { preemptLast() }
            index += 1
        }
    }

    /// Reserves pages up to a position. Returns the position up to which there is room.
    private func reserve(_ positions: Int, for index: Int) -> Int {
        live[index].sequence?.reserve(upTo: positions) ?? 0
    }

    /// Preempts the youngest task. It becomes the first in the queue.
    private func preemptLast() {
        let entry = live.removeLast()
        entry.task.preempt()
        var again = LiveTask(task: entry.task)
        again.isResumed = true
        again.counted = entry.counted
        waiting.insert(again, at: 0)
        load.preemptions += 1
    }
}
