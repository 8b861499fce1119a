// Decides which tasks have pages, and which rows run in the next pass. Only this file reserves pages.

extension Scheduler {
    /// Starts waiting tasks, in order, while there is room for their known positions and one more page each. Paused tasks
    /// are left out.
    func admit() {
        while let place = waiting.firstIndex(where: { $0.task.progress.isRunnable }) {
            let entry = waiting[place]
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
                if preemptPaused() { continue }
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
            waiting.remove(at: place)
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
    /// Paused tasks get no rows.
    func plan() {
        // A task pauses for a whole pass: its rows run all or none.
        let pausedTasks = Set(live.filter { !$0.task.progress.isRunnable }.map { ObjectIdentifier($0.task) })
        reserveRequired(besides: pausedTasks)
        let paused = Set(live.indices.filter { pausedTasks.contains(ObjectIdentifier(live[$0].task)) })
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

    /// Reserves pages for the required positions of every task that is not paused, oldest task first. If the pool is full,
    /// a paused task is preempted, and otherwise the youngest task. A task that gets no page waits.
    private func reserveRequired(besides paused: Set<ObjectIdentifier>) {
        var index = 0
        while index < live.count {
            let task = live[index].task
            if !paused.contains(ObjectIdentifier(task)) {
                let needed = task.progress.requiredPositions
                while reserve(needed, for: index) < needed {
                    if let other = live.lastIndex(where: { paused.contains(ObjectIdentifier($0.task)) }) {
                        preempt(at: other)
                        if other < index { index -= 1 }
                    } else if live.count > index + 1 {
                        preempt(at: live.count - 1)
                    } else {
                        break
                    }
                }
            }
            index += 1
        }
    }

    /// Reserves pages up to a position. Returns the position up to which there is room.
    private func reserve(_ positions: Int, for index: Int) -> Int {
        live[index].sequence?.reserve(upTo: positions) ?? 0
    }

    /// Preempts the youngest paused task, if there is one.
    private func preemptPaused() -> Bool {
        guard let index = live.lastIndex(where: { !$0.task.progress.isRunnable }) else { return false }
        preempt(at: index)
        return true
    }

    /// Preempts a task. It becomes the first in the queue.
    private func preempt(at index: Int) {
        let entry = live.remove(at: index)
        entry.task.preempt()
        var again = LiveTask(task: entry.task)
        again.isResumed = true
        again.counted = entry.counted
        waiting.insert(again, at: 0)
        load.preemptions += 1
    }
}
