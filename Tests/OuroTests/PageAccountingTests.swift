import Testing

@testable import Ouro

/// Compares the pool's counts with a reference that recounts everything.
@Suite struct PageAccountingTests {
    /// The reference. A page consists of 16 equal tokens, so one digit names it. A path is a number in base 4: the key,
    /// then the digits.
    private struct Reference {
        struct Sequence {
            let key: Int
            let loops: Int
            let digits: [Int]
            var pages = 0
            var published = 0

            func path(_ index: Int) -> Int { digits[...index].reduce(key + 4) { $0 * 4 + $1 } }
        }

        let capacity: Int
        var live: [Int: Sequence] = [:]
        /// Published pages: the number of loops, and the time when the last reader released the page.
        var published: [Int: (loops: Int, unread: Int)] = [:]
        var clock = 0

        /// Published pages that a live sequence reads.
        var read: Set<Int> {
            live.values.reduce(into: []) { paths, sequence in
                for index in 0..<sequence.published { paths.insert(sequence.path(index)) }
            }
        }

        /// Blocks in use, blocks cached, pages in use, pages cached.
        var totals: [Int] {
            let read = read
            var totals = [0, 0, 0, 0]
            for (path, page) in published {
                let side = read.contains(path) ? 0 : 1
                totals[side] += page.loops
                totals[side + 2] += 1
            }
            for sequence in live.values {
                totals[0] += (sequence.pages - sequence.published) * sequence.loops
                totals[2] += sequence.pages - sequence.published
            }
            return totals
        }

        mutating func reserve(_ id: Int, pages: Int) {
            guard let sequence = live[id] else { return }
            var count = sequence.pages
            while count < pages {
                let totals = totals
                guard totals[0] + sequence.loops <= capacity else { break }
                var cached = totals[1]
                while totals[0] + cached + sequence.loops > capacity { cached -= evict() }
                count += 1
                live[id]?.pages = count
            }
        }

        private mutating func evict() -> Int {
            let read = read
            guard
                let oldest = published.filter({ !read.contains($0.key) }).min(by: { $0.value.unread < $1.value.unread })
            else { return 0 }
            published[oldest.key] = nil
            return oldest.value.loops
        }

        mutating func takePrefix(_ id: Int) -> Int {
            guard let sequence = live[id] else { return 0 }
            let found = sequence.digits.indices.prefix { published[sequence.path($0)] != nil }.count
            live[id]?.pages = found
            live[id]?.published = found
            return found
        }

        mutating func publish(_ id: Int, pages: Int) {
            guard let sequence = live[id] else { return }
            let end = max(sequence.published, min(pages, sequence.pages))
            for index in sequence.published..<end where published[sequence.path(index)] == nil {
                published[sequence.path(index)] = (sequence.loops, 0)
            }
            live[id]?.published = end
        }

        mutating func release(_ id: Int) {
            guard let sequence = live.removeValue(forKey: id) else { return }
            let read = read
            for index in (0..<sequence.published).reversed() where !read.contains(sequence.path(index)) {
                clock += 1
                published[sequence.path(index)]?.unread = clock
            }
        }
    }

    private static func tokens(_ digits: [Int]) -> [Int] { digits.flatMap { Array(repeating: $0, count: 16) } }

    /// Sequences start, grow, publish and end at random, with two salts and two numbers of loops.
    @Test func booksAgreeWithARecountAfterEveryStep() throws {
        let device = ScriptedDevice()
        let pool = KVPool(device: device, budget: 18 * device.layout.bytesPerBlock)
        var reference = Reference(capacity: 18)
        var caches: [Int: SequenceCache] = [:]
        var random = SeededRandom(seed: 5)
        var (hits, refusals) = (0, 0)
        for step in 0..<100_000 {
            let id = random.int(0...4)
            if let cache = caches[id], let sequence = reference.live[id] {
                switch random.int(0...6) {
                case 0:
                    caches[id] = nil
                    cache.release()
                    reference.release(id)
                case 1...3:
                    let pages = random.int(0...sequence.digits.count)
                    let found = cache.reserve(upTo: pages * 16)
                    reference.reserve(id, pages: pages)
                    let expected = reference.live[id]?.pages ?? 0
                    if expected < pages { refusals += 1 }
                    try #require(cache.room == expected * 16, "room after step \(step)")
                    try #require(found == min(pages, expected) * 16, "positions granted in step \(step)")
                default:
                    let pages = random.int(0...sequence.digits.count)
                    for page in sequence.published..<max(sequence.published, min(pages, sequence.pages)) {
                        for loop in 1...sequence.loops {
                            device[cache.table, page * 16, loop].token = sequence.path(page)
                        }
                    }
                    cache.publish(Self.tokens(sequence.digits)[...], completed: pages * 16 + random.int(0...15))
                    reference.publish(id, pages: pages)
                }
            } else {
                let key = random.int(0...3)
                let digits = (0..<random.int(1...4)).map { _ in random.int(0...1) }
                let loops = key % 2 == 0 ? 1 : 3
                let cache = SequenceCache(
                    pool: pool, maximumPositions: digits.count * 16, loops: loops, salt: key < 2 ? "" : "tenant")
                reference.live[id] = .init(key: key, loops: loops, digits: digits)
                caches[id] = cache
                let found = cache.takePrefix(of: Self.tokens(digits)[...])
                let expected = reference.takePrefix(id)
                try #require(found == expected * 16, "positions found in step \(step)")
                hits += expected
                for page in 0..<expected {
                    for loop in 1...loops {
                        let path = reference.live[id]?.path(page)
                        try #require(
                            device[cache.table, page * 16, loop].token == path,
                            "content of page \(page) at loop \(loop), step \(step)")
                    }
                }
            }
            let found = [pool.blocksInUse, pool.blocksCached, pool.pagesInUse, pool.pagesCached]
            try #require(found == reference.totals, "books after step \(step)")
        }
        #expect(hits > 1000, "\(hits) pages were found")
        #expect(refusals > 1000, "\(refusals) times there was no room")
        caches = [:]
        #expect([pool.blocksInUse, pool.pagesInUse] == [0, 0])
        #expect(device.allocated.tables == 0)
        #expect(device.allocated.blocks <= 18, "no more blocks than the budget allows")
    }

    @Test func leavesGoBeforeTheirParentsAndTheLongestUnreadFirst() throws {
        let device = ScriptedDevice()
        let pool = KVPool(device: device, budget: 4 * device.layout.bytesPerBlock)
        func leave(_ digits: [Int]) {
            let cache = SequenceCache(pool: pool, maximumPositions: digits.count * 16, loops: 1)
            _ = cache.takePrefix(of: Self.tokens(digits)[...])
            _ = cache.reserve(upTo: digits.count * 16)
            cache.publish(Self.tokens(digits)[...], completed: digits.count * 16)
        }
        func found(_ digits: [Int]) -> Int {
            let cache = SequenceCache(pool: pool, maximumPositions: digits.count * 16, loops: 1)
            return cache.takePrefix(of: Self.tokens(digits)[...]) / 16
        }
        leave([0, 0])
        leave([1, 1])
        #expect(pool.pagesCached == 4)
        leave([2])
        #expect(found([0, 0]) == 1, "the older text's leaf went")
        #expect(found([1, 1]) == 2)
        leave([3])
        leave([3, 3])
        #expect(found([0, 0]) == 0, "then its root, though it was looked at, before what was looked at later")
        #expect(found([1, 1]) == 2)
    }
}
