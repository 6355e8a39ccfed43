import JobStore
import TestSupport
import Testing

extension StoreCase {
    static let pages: [StoreCase] = [
        StoreCase("page_ofAnEmptyQueue_isEmpty") { store in
            let queue = try await store.open()
            let page = try await queue.page(from: .start)
            #expect(page.spans.isEmpty && page.next == nil)
            await queue.close()
        },
        StoreCase("page_isOneSpan_howeverManyJobsStandAlike") { store in
            let queue = try await store.enqueued(1_000_000_000_000_000, first: 7)
            let page = try await queue.page(from: .start)
            #expect(page.spans.map(\.text) == ["1: 0..<1000000000000000 available"])
            #expect(
                page.spans.first?.batch.source
                    == .range(JobRange(first: 7, count: 1_000_000_000_000_000), request))
            #expect(page.next == nil)
            await queue.close()
        },
        StoreCase("page_tellsHowEachJobStands") { store in
            let queue = try await store.attached(10_000)
            _ = try await queue.claim(jobs: 8192)
            let timeout = Outcome(.failed, .timeout)
            try await store.commit(0..<10, ok, to: queue)
            try await store.commit(10..<12, timeout, to: queue)
            try await store.commit(12..<15, Outcome(.retrying, status: 503), to: queue)
            try await store.commit(20..<30, ok, to: queue)
            try await store.expectSpans(
                queue, "1: 0..<10 completed 200", "1: 10..<12 failed timeout",
                "1: 12..<15 retrying 503", "1: 15..<20 running", "1: 20..<30 completed 200",
                "1: 30..<8192 running", "1: 8192..<10000 available")

            // One of three is being tried again; its last outcome stays known.
            #expect(try await queue.claimRetries(dueAt: 1, limit: 1).jobs.map(\.position) == [12])
            let watcher = try await store.open()
            for connection in [queue, watcher] {
                try await store.expectSpans(
                    connection, from: LedgerPlace(batchID: 1, position: 11),
                    "1: 11..<12 failed timeout",
                    "1: 12..<13 running 503", "1: 13..<15 retrying 503", "1: 15..<20 running",
                    "1: 20..<30 completed 200", "1: 30..<8192 running", "1: 8192..<10000 available")
            }
            await watcher.close()
            await queue.close()
        },
        StoreCase("page_countsWhatADeadRunnerHeld_asNobodys") { store in
            let queue = try await store.attached(100)
            _ = try await queue.claim(jobs: 1)
            try await store.commit(0..<10, Outcome(.retrying, .dns), to: queue)
            try await store.commit(10..<20, ok, to: queue)
            _ = try await queue.claimRetries(dueAt: 1, limit: 100)
            try await store.expectSpans(
                queue, "1: 0..<10 running dns", "1: 10..<20 completed 200", "1: 20..<100 running")
            await queue.close()  // without detaching: as a killed process leaves it

            let next = try await store.open()
            try await store.expectSpans(
                next, "1: 0..<10 retrying dns", "1: 10..<20 completed 200", "1: 20..<100 available")
            await next.close()
        },
        StoreCase("page_walksBatchesInOrder") { store in
            let queue = try await store.enqueued(10, first: 100)
            for count in [1, 5000] {
                _ = try await queue.enqueue(JobRange(first: 0, count: count), request: request)
            }
            let all = ["1: 0..<10 available", "2: 0..<1 available", "3: 0..<5000 available"]
            #expect(try await store.spans(queue).map(\.text) == all)
            // Where there is nothing to begin at, it is the next that is there.
            try await store.expectSpans(
                queue, from: LedgerPlace(batchID: 1, position: 10), all[1], all[2])
            try await store.expectSpans(
                queue, from: LedgerPlace(batchID: 2, position: .max), all[2])
            try await store.expectSpans(
                queue, from: LedgerPlace(batchID: 3, position: 4999), "3: 4999..<5000 available")
            try await store.expectSpans(queue, from: LedgerPlace(batchID: 4, position: 0))
            await queue.close()
        },
        StoreCase("page_ends_whenJobsDiffer") { store in
            let queue = try await store.attached(20_000)
            let failed = Outcome(.failed, status: 404)
            for segment in try await queue.claim(jobs: 40_960) {
                let marks = segment.todo.flatMap { $0 }.map {
                    Mark(
                        batchID: segment.batch.id, position: $0, attempt: 1,
                        outcome: $0 % 2 == 0 ? ok : failed)
                }
                try await queue.commit(marks, heartbeat: beat)
            }
            var place: LedgerPlace? = .start
            var (position, pages) = (0, 0)
            while let from = place {
                let page = try await queue.page(from: from)
                #expect(page.spans.count <= 2 * 4096)
                for span in page.spans {
                    #expect(span.positions == position..<position + 1)
                    #expect(span.outcome == (position % 2 == 0 ? ok : failed))
                    position += 1
                }
                pages += 1
                place = page.next
            }
            #expect(position == 20_000 && pages >= 4)
            await queue.close()
        },
        // Whatever happened to a queue: its pages hold each job once, and add up to its counts.
        StoreCase("pages_agreeWithTheCounts") { store in
            let seed = testSeed(for: "pages_agreeWithTheCounts")
            for round in 0..<3 {
                try await expectPagesToAgree(try store.fresh(), seed: seed &+ UInt64(round))
            }
        },
    ]

    private static func expectPagesToAgree(_ store: StoreUnderTest, seed: UInt64) async throws {
        var random = SeededGenerator(seed: seed)
        let queue = try await store.attached(Int.random(in: 5000...30_000, using: &random))
        let choices = [
            ok, ok, Outcome(.failed, status: 404), Outcome(.failed, .tls),
            Outcome(.retrying, status: 503), Outcome(.retrying, .timeout),
        ]
        for _ in 0..<12 {
            for segment in try await queue.claim(jobs: Int.random(in: 1...8192, using: &random)) {
                let share = Int.random(in: 1...100, using: &random)
                var (left, outcome) = (0, ok)
                var marks: [Mark] = []
                for position in segment.todo.flatMap({ $0 })
                where Int.random(in: 1...100, using: &random) <= share {
                    if left == 0 {
                        left = Int.random(in: 1...200, using: &random)
                        outcome = choices.randomElement(using: &random)!
                    }
                    left -= 1
                    marks.append(
                        Mark(
                            batchID: segment.batch.id, position: position, attempt: 1,
                            outcome: outcome))
                }
                try await queue.commit(marks, heartbeat: beat)
            }
            _ = try await queue.claimRetries(
                dueAt: 1, limit: Int.random(in: 0...50, using: &random))
            if Int.random(in: 0..<4, using: &random) == 0 {
                try await queue.detach()
                _ = try await queue.attach(RunnerDescription(pid: 1, workers: 1))
            }
            try await store.expectAgreement(queue, "seed \(seed)")
        }
        await queue.close()
    }
}

extension StoreUnderTest {
    /// All spans from a place on, those that pages cut apart made one again.
    func spans(
        _ queue: StoreClient, from start: LedgerPlace = .start
    ) async throws -> [LedgerPage.Span] {
        var spans: [LedgerPage.Span] = []
        var place: LedgerPlace? = start
        while let from = place {
            let page = try await queue.page(from: from)
            #expect(page.next != from, "a page leads on")
            for span in page.spans {
                if let last = spans.last, last.batch == span.batch, last.state == span.state,
                    last.outcome == span.outcome,
                    last.positions.upperBound == span.positions.lowerBound
                {
                    spans.removeLast()
                    let positions = last.positions.lowerBound..<span.positions.upperBound
                    spans.append(
                        .init(
                            batch: span.batch, positions: positions, state: span.state,
                            outcome: span.outcome))
                } else {
                    spans.append(span)
                }
            }
            place = page.next
        }
        return spans
    }

    func expectSpans(
        _ queue: StoreClient, from start: LedgerPlace = .start, _ expected: String...,
        sourceLocation: SourceLocation = #_sourceLocation
    ) async throws {
        let texts = try await spans(queue, from: start).map(\.text)
        #expect(texts == expected, sourceLocation: sourceLocation)
    }

    /// Commits one outcome for some positions of the first batch.
    fileprivate func commit(
        _ positions: Range<Int>, _ outcome: Outcome, to queue: StoreClient
    ) async throws {
        let marks = positions.map {
            Mark(batchID: 1, position: $0, attempt: 1, outcome: outcome)
        }
        try await queue.commit(marks, heartbeat: beat)
    }

    fileprivate func expectAgreement(_ queue: StoreClient, _ comment: Comment) async throws {
        let counts = try await queue.counts()
        var states: [JobState: Int] = [:]
        var outcomes: [Outcome: Int] = [:]
        var end = 0
        for span in try await spans(queue) {
            #expect(span.positions.lowerBound == end, comment)
            end = span.positions.upperBound
            states[span.state, default: 0] += span.positions.count
            if let outcome = span.outcome { outcomes[outcome, default: 0] += span.positions.count }
        }
        #expect(end == counts.total, comment)
        let expected: [(JobState, Int)] = [
            (.available, counts.available), (.running, counts.running),
            (.retrying, counts.retrying), (.completed, counts.completed), (.failed, counts.failed),
        ]
        for (state, count) in expected { #expect(states[state] ?? 0 == count, comment) }
        #expect(outcomes.count == counts.outcomes.count, comment)
        for (outcome, count) in outcomes {
            let group = QueueCounts.Group(label: outcome.label, state: outcome.state, count: count)
            #expect(counts.outcomes.contains(group), comment)
        }
    }
}

extension LedgerPage.Span {
    /// The span as a sentence: `1: 0..<10 completed 200`.
    fileprivate var text: String {
        "\(batch.id): \(positions) \(state)" + (outcome.map { " \($0.label)" } ?? "")
    }
}
