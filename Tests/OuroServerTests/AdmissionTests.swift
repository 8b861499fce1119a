import Testing

@testable import OuroServer

/// Who gets a place, and when.
@Suite(.timeLimit(.minutes(5))) struct AdmissionTests {
    @Test func aRequestWithManySamplesLeavesPlacesToOthers() async throws {
        let admission = Admission(limit: 8, queueLimit: 100)
        let large = try admission.enter(samples: 128)
        #expect(admission.counts.running == 7)
        let small = try admission.enter(samples: 1)
        try await small.place()
        #expect(admission.counts.running == 8)
        small.leave()
        #expect(admission.counts.running == 7, "the kept place is not for the large request")
        large.leave()
        #expect(admission.counts == .none)
    }

    @Test func severalLargeRequestsLeaveAPlaceToo() async throws {
        let admission = Admission(limit: 64, queueLimit: 1000)
        let large = try (0..<3).map { _ in try admission.enter(samples: 128) }
        #expect(admission.counts.running < 64)
        let small = try admission.enter(samples: 1)
        try await small.place()
        #expect(admission.counts.running <= 64)
        for ticket in large + [small] { ticket.leave() }
        #expect(admission.counts == .none)
    }

    @Test func samplesEnterOneByOneAsOthersEnd() async throws {
        let admission = Admission(limit: 3, queueLimit: 100)
        let ticket = try admission.enter(samples: 5)
        #expect((admission.counts.running, admission.counts.waiting) == (2, 3))
        try await ticket.place()
        try await ticket.place()
        for left in [2, 1, 0] {
            ticket.free()
            try await ticket.place()
            #expect((admission.counts.running, admission.counts.waiting) == (2, left))
        }
        ticket.free()
        #expect(admission.counts.running == 1)
        ticket.free()
        #expect(admission.counts.running == 1, "the last place stays until the answer is made")
        ticket.leave()
        #expect(admission.counts == .none)
    }

    @Test func requestsTakeTurns() async throws {
        let admission = Admission(limit: 1, queueLimit: 100)
        let running = try admission.enter(samples: 1)
        let first = try admission.enter(samples: 3)
        let second = try admission.enter(samples: 3)
        var order: [String] = []
        var holder = running
        for step in 0..<6 {
            // The request with the last sample keeps its place until it leaves.
            if holder === running || step == 5 { holder.leave() } else { holder.free() }
            #expect(first.held + second.held == 1)
            holder = first.held == 1 ? first : second
            order.append(first.held == 1 ? "first" : "second")
        }
        #expect(order == ["first", "second", "first", "second", "first", "second"])
    }

    @Test func onlyRequestsWithoutAPlaceFillTheQueue() async throws {
        let admission = Admission(limit: 2, queueLimit: 2)
        // More samples than queue and places together: the request starts at once, so it is accepted.
        let large = try admission.enter(samples: 100)
        let second = try admission.enter(samples: 1)
        let third = try admission.enter(samples: 2)
        #expect(admission.counts.queued == 2)
        let refused = #expect(throws: APIError.self) { _ = try admission.enter(samples: 1) }
        #expect(refused?.status == .tooManyRequests)
        third.leave()
        let fourth = try admission.enter(samples: 2)
        for ticket in [large, second, fourth] { ticket.leave() }
        #expect(admission.counts == .none)
    }

    @Test func whoLeavesTheQueueMakesRoom() async throws {
        let admission = Admission(limit: 1, queueLimit: 2)
        let first = try admission.enter(samples: 1)
        let second = try admission.enter(samples: 1)
        let third = try admission.enter(samples: 1)
        #expect(throws: APIError.self) { _ = try admission.enter(samples: 1) }
        second.leave()
        let waiting = Task { try await third.place() }
        first.leave()
        first.leave()
        try await waiting.value
        let fourth = try admission.enter(samples: 1)
        let cancelled = Task { try await fourth.place() }
        cancelled.cancel()
        await #expect(throws: CancellationError.self) { try await cancelled.value }
        fourth.leave()
        third.leave()
        #expect(admission.counts == .none)
    }

    @Test func placesNeverExceedTheLimit() async throws {
        for limit in [1, 2, 5, 64] {
            let admission = Admission(limit: limit, queueLimit: 1000)
            var tickets: [Admission.Ticket] = []
            var state: UInt64 = UInt64(limit)
            for _ in 0..<200 {
                state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
                let choice = Int(state >> 33)
                switch choice % 4 {
                case 0, 1: if let ticket = try? admission.enter(samples: 1 + choice % 9) { tickets.append(ticket) }
                case 2: if !tickets.isEmpty { tickets[choice % tickets.count].free() }
                default: if !tickets.isEmpty { tickets.remove(at: choice % tickets.count).leave() }
                }
                #expect(admission.counts.running <= limit)
                #expect(admission.counts.waiting == 0 || admission.counts.running >= max(1, limit - max(1, limit / 8)))
            }
            for ticket in tickets { ticket.leave() }
            #expect(admission.counts == .none)
        }
    }
}
