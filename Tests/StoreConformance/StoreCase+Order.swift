import JobStore
import TestSupport
import Testing

extension StoreCase {
    static let order: [StoreCase] = [
        // Any order of claims, commits, retries, cancels, detaches and deaths leaves a sound queue.
        StoreCase("anyOrderOfVerbs_keepsTheInvariant") { store in
            let seed = testSeed(for: "anyOrderOfVerbs_keepsTheInvariant")
            for round in 0..<6 {
                try await someOrderOfVerbs(try store.fresh(), seed &+ UInt64(round))
            }
        }
    ]

    private static func someOrderOfVerbs(_ store: StoreUnderTest, _ seed: UInt64) async throws {
        var random = SeededGenerator(seed: seed)
        var queue = try await store.attached(Int.random(in: 1...30_000, using: &random))
        var held: [(position: Int, attempt: Int, batch: Int)] = []
        var nowMicros = 0
        var batches = 1
        store.clock.unixMicros = 0
        for _ in 0..<60 {
            switch Int.random(in: 0..<11, using: &random) {
            case 0...2:
                for segment in try await queue.claim(
                    jobs: Int.random(in: 1...12_288, using: &random))
                {
                    held += segment.todo.flatMap { $0 }.map { ($0, 1, segment.batch.id) }
                }
            case 3:
                nowMicros += 50
                let claim = try await queue.claimRetries(dueAt: nowMicros, limit: 2000)
                held += claim.jobs.map { ($0.position, $0.attempts + 1, $0.batch.id) }
            case 4...7:
                held.shuffle(using: &random)
                let done = held.suffix(Int.random(in: 0...5000, using: &random))
                held.removeLast(done.count)
                let choices = [
                    ok, ok, ok, ok, Outcome(.failed, status: 404), Outcome(.retrying, status: 503),
                ]
                let allAlike = Bool.random(using: &random)
                let marks = done.map { job in
                    Mark(
                        batchID: job.batch, position: job.position, attempt: job.attempt,
                        outcome: allAlike ? ok : choices.randomElement(using: &random)!,
                        wait: .microseconds(Int.random(in: 0...200, using: &random)))
                }
                try await queue.commit(marks, heartbeat: beat)
            case 8:
                batches += 1
                _ = try await queue.enqueue(
                    JobRange(first: 5, count: Int.random(in: 1...9000, using: &random)),
                    request: request)
            case 9 where batches > 1:
                let held = held.count
                let result = try await queue.queue.cancel(
                    Int.random(in: 1...batches, using: &random))
                #expect(result.running <= held, "seed \(seed)")
            default:
                if Bool.random(using: &random) { try await queue.detach() }
                await queue.close()
                queue = try await store.open()
                _ = try await queue.attach(RunnerDescription(pid: 1, workers: 10))
                held = []
            }
            try await store.expectSound(queue)
            let counts = try await queue.counts()
            #expect(counts.available >= 0 && counts.running == held.count, "seed \(seed)")
        }
        await queue.close()
    }
}
