import JobStore
import TestSupport
import Testing

@testable import Runner

/// Whatever happens in whatever order, each job is handed out once an attempt, and none is lost.
@Suite struct JobFeedConservationTests {
    @Test func randomSteps_handOutEachJobOnce_unlessGivenBack() throws {
        let seed = testSeed(for: "randomSteps_handOutEachJobOnce_unlessGivenBack")
        for run in 0..<20 as Range<UInt64> {
            var model = Model(seed: seed &+ run)
            try model.runToTheEnd()
            #expect(model.ended.count == Model.jobCount)
        }
    }

    @Test func randomSteps_endInOrder_whenDrainedMidway() throws {
        let seed = testSeed(for: "randomSteps_endInOrder_whenDrainedMidway")
        for run in 0..<20 as Range<UInt64> {
            var model = Model(seed: seed &+ run)
            for _ in 0..<200 { try model.step() }
            model.feed.drain()
            try model.runToTheEnd()
            #expect(model.inFlight.isEmpty && model.unmarked.isEmpty)
        }
    }

    /// A feed with a queue, workers and a marker beside it that know what must be.
    private struct Model {
        static let jobCount = 3000
        private static let limits = JobFeed.Limits(
            ready: 300, unmarked: 150, retrying: 60, dryMicros: 50_000)

        var feed = JobFeed(limits: limits, retrying: 0)
        private var random: SeededGenerator
        private var now = Now.at(ms: 0)
        private var isFinished = false

        // What the queue holds.
        private var nextPosition = 0
        private var waiting: [Int: (attempts: Int, dueMicros: Int)] = [:]
        private var heldRetries: Set<Int> = []
        /// Attempts a job has begun and not given back.
        private var attempts = [Int](repeating: 0, count: jobCount)
        private(set) var inFlight: [Job] = []
        private(set) var unmarked: [Mark] = []
        private(set) var ended: Set<Int> = []

        init(seed: UInt64) { random = SeededGenerator(seed: seed) }

        mutating func runToTheEnd() throws {
            var steps = 0
            while !isFinished {
                try step()
                steps += 1
                try #require(steps < 1_000_000, "it goes on for ever")
            }
        }

        mutating func step() throws {
            switch Int.random(in: 0..<5, using: &random) {
            case 0: claim()
            case 1: take()
            case 2: end()
            case 3: mark()
            default: pass(upToMicros: 20_000)
            }
            try #require(feed.inFlight == inFlight.count && feed.unmarked == unmarked.count)
            try #require(feed.retrying == waiting.count + heldRetries.count)
            try #require(
                feed.ready >= 0 && feed.ready < 2 * Self.limits.ready + Segment.countMax)
        }

        private mutating func pass(upToMicros micros: Int) {
            let micros = Int.random(in: 0...micros, using: &random)
            now.monotonicMicros += micros
            now.wallMicros += micros
        }

        private mutating func claim() {
            switch feed.need(at: now) {
            case .jobs(let request):
                #expect(request.jobs >= 1 && feed.retrying < Self.limits.retrying)
                let segments = (0..<3).compactMap { _ in nextSegment() }
                if segments.isEmpty {
                    feed.claimedNothing(at: now)
                } else {
                    feed.claimed(segments, of: .sample, at: now)
                }
            case .retries(let limit):
                claimRetries(limit)
            case .park:
                Issue.record("ranges are not parked")
            case .wait(let untilMicros):
                // Sooner or later it sleeps that long.
                if let untilMicros, Bool.random(using: &random), untilMicros > now.monotonicMicros {
                    pass(upToMicros: 2 * (untilMicros - now.monotonicMicros))
                }
            case .finished:
                #expect(inFlight.isEmpty && unmarked.isEmpty)
                #expect(feed.isDraining || ended.count == Self.jobCount)
                isFinished = true
            case .denied:
                Issue.record("nobody denies access")
                isFinished = true
            }
        }

        /// A few runs of jobs, with gaps that are jobs done by an earlier run.
        private mutating func nextSegment() -> Segment? {
            var todo: [Range<Int>] = []
            for _ in 0..<Int.random(in: 1...4, using: &random) where nextPosition < Self.jobCount {
                let left = Self.jobCount - nextPosition
                let count = min(left, Int.random(in: 1...40, using: &random))
                todo.append(nextPosition..<nextPosition + count)
                nextPosition += count
                if nextPosition < Self.jobCount, Bool.random(using: &random) {
                    ended.insert(nextPosition)
                    nextPosition += 1
                }
            }
            return todo.isEmpty ? nil : Segment(batch: .sample(), todo: todo)
        }

        private mutating func claimRetries(_ limit: Int) {
            let due = waiting.filter { $0.value.dueMicros <= now.monotonicMicros }
                .sorted { ($0.value.dueMicros, $0.key) < ($1.value.dueMicros, $1.key) }
                .prefix(min(limit, 10))
            for (position, _) in due {
                waiting[position] = nil
                heldRetries.insert(position)
            }
            let next = waiting.values.map(\.dueMicros).min().map {
                Duration.microseconds(max(0, $0 - now.monotonicMicros))
            }
            feed.claimedRetries(
                due.map { ($0.key, $0.value.attempts) }, next: next, at: now)
        }

        private mutating func take() {
            let limit = Int.random(in: 1...60, using: &random)
            let wasFull = feed.unmarked >= Self.limits.unmarked
            let jobs = feed.take(limit, at: now)
            #expect(jobs.count <= limit && (jobs.isEmpty || !wasFull))
            for job in jobs {
                #expect(!ended.contains(job.position))
                #expect(job.attempt == attempts[job.position] + 1, "job \(job.position)")
                attempts[job.position] += 1
            }
            inFlight += jobs
        }

        private mutating func end() {
            var turn = TurnReport()
            for _ in 0..<Int.random(in: 1...40, using: &random) where !inFlight.isEmpty {
                inFlight.swapAt(inFlight.indices.randomElement(using: &random)!, inFlight.count - 1)
                end(inFlight.removeLast(), &turn)
            }
            feed.ended(turn, at: now)
        }

        private mutating func end(_ job: Job, _ turn: inout TurnReport) {
            switch Int.random(in: 0..<20, using: &random) {
            case 0, 1:
                let failure: Response.Failure =
                    Bool.random(using: &random) ? .local(.system(24)) : .cancelled
                turn.add(Response(failure: failure), of: job)
                turn.giveBack(job)
                attempts[job.position] -= 1
                return
            case 2, 3, 4:
                turn.add(Response(failure: .reason(.connect)), of: job)
                unmarked.append(failed(job))
            case 5, 6:
                turn.add(Response(status: 503), of: job)
                unmarked.append(failed(job))
            default:
                turn.add(Response(status: 200), of: job)
                unmarked.append(job.mark(.ok))
            }
            turn.finish()
        }

        private mutating func failed(_ job: Job) -> Mark {
            guard job.attempt <= 3 else { return job.mark(Outcome(.failed, status: 503)) }
            let waitMicros = Int.random(in: 0...100_000, using: &random)
            return job.mark(.unavailable, wait: .microseconds(waitMicros))
        }

        private mutating func mark() {
            let marks = unmarked.prefix(Int.random(in: 0...80, using: &random))
            for mark in marks {
                heldRetries.remove(mark.position)
                if mark.outcome.state == .retrying {
                    waiting[mark.position] = (
                        mark.attempt, now.monotonicMicros + mark.wait.microseconds
                    )
                } else {
                    #expect(ended.insert(mark.position).inserted)
                }
            }
            unmarked.removeFirst(marks.count)
            feed.marked(Array(marks), at: now)
        }
    }
}
