import Foundation
import StoreConformance
import TestSupport
import Testing

@testable import JobStore

/// Random runs, kills, cancels and putting back of small queues, compared with a table of all jobs
/// after each step. `RUNNER_TEST_ROUNDS=1000` tries more of them.
@Suite struct PutBackModelTests {
    private let folder = Folder()

    @Test(.timeLimit(.minutes(20)))
    func anyOrderOfRunsAndRetries_isAsTheTableOfJobsSays() async throws {
        var random = SeededGenerator(seed: testSeed(for: "putBack_isAsTheTableOfJobsSays"))
        for round in 1...setting("RUNNER_TEST_ROUNDS", default: 25) {
            let path = folder.file("\(round).db")
            var model = QueueModel(path: path, random)
            try await model.run()
            random = model.random
            guard model.isRight else { return }
            for ending in ["", "-wal", "-shm", "-lock"] { unlink(path + ending) }
        }
    }

    /// Slices of one span or segment each, beside a runner whose jobs fail again at once: each job is
    /// put back at most once a call.
    @Test func putBack_besideARunnerWhoseJobsFail_ends() async throws {
        let path = folder.file("beside.db")
        let queue = try SQLiteQueue(path: path, access: .create)
        let request = try RequestTemplate(parsing: "http://127.0.0.1/{id}")
        let count = 60_000
        _ = try await queue.enqueue(JobRange(first: 0, count: count), request: request)
        let lease = try await queue.attach(RunnerDescription(pid: 1, workers: 1))
        let outcomes = [Outcome(.failed, status: 404), Outcome(.failed, status: 500)]
        func failAll() async throws -> Int {
            var jobs = 0
            while case let segments = try await lease.claim(jobs: 1).segments, !segments.isEmpty {
                let marks = segments.flatMap { segment in
                    segment.todo.joined().map {
                        Mark(
                            batchID: 1, position: $0, attempt: 1,
                            outcome: outcomes[$0 % 7 == 0 && $0 > count / 2 ? 1 : 0])
                    }
                }
                try await lease.commit(marks, heartbeat: Heartbeat(requestsPerSecond: 1))
                jobs += marks.count
            }
            return jobs
        }
        #expect(try await failAll() == count)
        let other = try SQLiteQueue(path: path, access: .write)
        await other.limitPutBacks(to: .zero)
        async let putBack = other.putBack(FailedJobs())
        var fetched = 0
        while fetched < count { fetched += try await failAll() }
        let jobs = try await putBack
        fetched += try await failAll()
        #expect(jobs >= count && jobs < 2 * count)
        #expect(fetched == jobs)
        #expect(try await queue.verify() == [])
        await other.close()
        await queue.close()
    }
}

/// A queue, and what its jobs must be like.
private struct QueueModel {
    var random: SeededGenerator
    private(set) var isRight = true

    private struct Job {
        var state = JobState.available
        var outcome: Outcome?
        let host: String
    }
    private struct Claimed {
        let position: Int
        let batch: Batch.ID
        let attempt: Int
    }

    private let path: String
    /// The jobs of each batch.
    private var jobs: [[Job]] = []
    private var cancelled: Set<Batch.ID> = []
    private var held: [Claimed] = []
    private let clock = TestClock()
    private var steps: [String] = []

    private static let outcomes = [
        Outcome(.completed, status: 200), Outcome(.failed, status: 404),
        Outcome(.failed, status: 503), Outcome(.failed, .timeout), Outcome(.retrying, .timeout),
    ]

    init(path: String, _ random: SeededGenerator) {
        self.path = path
        self.random = random
    }

    mutating func run() async throws {
        var queue = try await open()
        for _ in 0..<Int.random(in: 10...30, using: &random) {
            switch Int.random(in: 0..<10, using: &random) {
            case 0 where jobs.count < 5: try await enqueue(in: queue)
            case 1: try await cancel(in: queue)
            case 2...4: try await putBack(in: queue)
            case 5:
                steps.append("kill")
                await queue.close()
                giveBack()
                queue = try await open()
            default: try await work(on: queue)
            }
            try await compare(with: queue)
            guard isRight else { break }
        }
        await queue.close()
    }

    private mutating func open() async throws -> StoreClient {
        let clock = clock
        let queue = try SQLiteQueue(path: path, access: .create) { clock.unixMicros }
        await queue.limitPutBacks(to: Bool.random(using: &random) ? .zero : .milliseconds(20))
        let client = StoreClient(to: queue, clock)
        try await client.attach(RunnerDescription(pid: 1, workers: 1))
        return client
    }

    // MARK: - Steps

    private mutating func enqueue(in queue: StoreClient) async throws {
        let id = jobs.count + 1
        if Bool.random(using: &random) {
            let count = [3, 5000, 9000].randomElement(using: &random)!
            let hasHosts = count == 3
            let url = hasHosts ? "http://h{id}/" : "http://h0/{id}"
            _ = try await queue.enqueue(
                JobRange(first: 0, count: count), request: try RequestTemplate(parsing: url))
            jobs.append((0..<count).map { Job(host: hasHosts ? "h\($0)" : "h0") })
        } else {
            let request = try RequestTemplate(parsing: "{url}", fields: ["url"])
            let list = try await queue.queue.addList(request, LineFields(["url"]))
            var hosts: [String] = []
            for lane in 0..<Int.random(in: 1...6, using: &random) {
                var builder = ListBlockBuilder()
                let first = hosts.count
                for _ in 0..<Int.random(in: 1...9, using: &random) {
                    hosts.append("h\(Int.random(in: 0..<3, using: &random))")
                    builder.beginLine(fields: 1)
                    Array("http://\(hosts.last!)/".utf8).withUnsafeBytes { builder.append($0) }
                }
                try await list.add([builder.take(first: first, lane: lane % 3, ListPacker())])
            }
            _ = try await list.finish(
                as: BatchLabel(priority: Int.random(in: 0...2, using: &random)))
            jobs.append(hosts.map { Job(host: $0) })
        }
        steps.append("enqueue \(id): \(jobs[id - 1].count)")
    }

    private mutating func cancel(in queue: StoreClient) async throws {
        guard !jobs.isEmpty, Int.random(in: 0..<3, using: &random) == 0 else { return }
        let id = Int.random(in: 1...jobs.count, using: &random)
        steps.append("cancel \(id)")
        cancelled.insert(id)
        _ = try await queue.queue.cancel(id)
        let own = Set(held.filter { $0.batch == id }.map(\.position))
        // What stands beside jobs of a runner is cancelled once that lets go of it.
        for position in jobs[id - 1].indices
        where [.available, .retrying].contains(jobs[id - 1][position].state)
            && !own.contains(position)
        {
            jobs[id - 1][position] = Job(state: .cancelled, host: jobs[id - 1][position].host)
        }
    }

    private mutating func putBack(in queue: StoreClient) async throws {
        var wish = FailedJobs()
        if Bool.random(using: &random) {
            wish.outcomes = [["404"], ["5xx"], ["timeout", "404"]].randomElement(using: &random)!
                .compactMap { OutcomePattern($0) }
        }
        if Int.random(in: 0..<3, using: &random) == 0 {
            wish.host = HostPattern("h\(Int.random(in: 0..<3, using: &random))")
        }
        if Int.random(in: 0..<4, using: &random) == 0 {
            wish.batch = Int.random(in: 1...6, using: &random)
        }
        if Bool.random(using: &random) {
            let first =
                Int.random(in: 0..<6000, using: &random) / [1, 500].randomElement(using: &random)!
            wish.ids = first..<first + Int.random(in: 0..<5000, using: &random)
        }
        steps.append("\(wish)")
        var count = 0
        for batch in jobs.indices where wish.batch ?? batch + 1 == batch + 1 {
            guard !cancelled.contains(batch + 1) else { continue }
            for position in jobs[batch].indices {
                let job = jobs[batch][position]
                guard job.state == .failed, wish.ids?.contains(position) ?? true,
                    wish.outcomes?.contains(where: {
                        $0.text == job.outcome?.label
                            || $0.text == "5xx" && job.outcome?.label == "503"
                    }) ?? true,
                    wish.host.map({ $0.text == job.host }) ?? true
                else { continue }
                jobs[batch][position] = Job(host: job.host)
                count += 1
            }
        }
        let put = try await queue.queue.putBack(wish)
        #expect(put == count, "\(steps)")
        if put != count { isRight = false }
    }

    private mutating func work(on queue: StoreClient) async throws {
        if Bool.random(using: &random) {
            let limit = Int.random(in: 1...5000, using: &random)
            for segment in try await queue.claim(jobs: limit) {
                held += segment.todo.joined().map {
                    Claimed(position: $0, batch: segment.batch.id, attempt: 1)
                }
            }
            let due = clock.unixMicros + 1
            for job in try await queue.claimRetries(dueAt: due, limit: 99).jobs {
                held.append(
                    Claimed(position: job.position, batch: job.batch.id, attempt: job.attempts + 1))
            }
        }
        // Some of them end, alike or not.
        let areAlike = Bool.random(using: &random)
        let one = Self.outcomes.randomElement(using: &random)!
        let share = [0.1, 0.5, 1].randomElement(using: &random)!
        var (ended, left): ([Mark], [Claimed]) = ([], [])
        for job in held {
            guard Double.random(in: 0..<1, using: &random) < share else {
                left.append(job)
                continue
            }
            let outcome = areAlike ? one : Self.outcomes.randomElement(using: &random)!
            ended.append(
                Mark(
                    batchID: job.batch, position: job.position, attempt: job.attempt,
                    outcome: outcome))
            let isCancelled = outcome.state == .retrying && cancelled.contains(job.batch)
            jobs[job.batch - 1][job.position].outcome = isCancelled ? nil : outcome
            jobs[job.batch - 1][job.position].state =
                isCancelled ? .cancelled : JobState(rawValue: outcome.state.rawValue)!
        }
        held = left
        steps.append("\(ended.count) ended, \(held.count) held")
        try await queue.commit(ended, heartbeat: Heartbeat(requestsPerSecond: 1))
        if Int.random(in: 0..<4, using: &random) == 0 {
            steps.append("detach")
            try await queue.detach()
            giveBack()
            try await queue.attach(RunnerDescription(pid: 1, workers: 1))
        }
    }

    /// Takes in that the runner lets go of all it holds.
    private mutating func giveBack() {
        held = []
        for id in cancelled {
            for position in jobs[id - 1].indices
            where [.available, .retrying].contains(jobs[id - 1][position].state) {
                jobs[id - 1][position] = Job(state: .cancelled, host: jobs[id - 1][position].host)
            }
        }
    }

    // MARK: - Comparing

    private mutating func compare(with queue: StoreClient) async throws {
        let faults = try await queue.verify()
        #expect(faults == [], "\(steps)")
        var groups: [String: Int] = [:]
        for job in jobs.joined() {
            guard let outcome = job.outcome else { continue }
            groups["\(outcome.state) \(outcome.label)", default: 0] += 1
        }
        var kept: [String: Int] = [:]
        for group in try await queue.counts().outcomes where group.state != .cancelled {
            kept["\(group.state) \(group.label)", default: 0] += group.count
        }
        #expect(kept == groups, "\(steps)")
        if !faults.isEmpty || kept != groups { isRight = false }
        try await comparePages(with: queue)
    }

    private mutating func comparePages(with queue: StoreClient) async throws {
        let holds = Set(held.map { [$0.batch, $0.position] })
        var place: LedgerPlace? = .start
        while let from = place {
            let page = try await queue.page(from: from)
            for span in page.spans {
                for position in span.positions {
                    let job = jobs[span.batch.id - 1][position]
                    let isHeld = holds.contains([span.batch.id, position])
                    // Beside jobs that are held, those that are available count as running, also
                    // where they are to be cancelled.
                    let mayRun = span.state == .running && job.outcome == nil
                    let isRight =
                        mayRun || !isHeld && span.state == job.state && span.outcome == job.outcome
                        || isHeld && span.state == .running
                    guard isRight else {
                        Issue.record(
                            "batch \(span.batch.id), job \(position) is \(span.state) \(span.outcome?.label ?? ""), not \(job): \(steps)"
                        )
                        self.isRight = false
                        return
                    }
                }
            }
            place = page.next
        }
    }
}
