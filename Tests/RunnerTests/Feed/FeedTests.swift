import JobStore
import Synchronization
import Testing

@testable import Runner

@Suite(.timeLimit(.minutes(1))) struct FeedTests {
    /// Counts how often loops are woken.
    private final class Loops: Sendable {
        private let count = Locked(0)
        let bell = Doorbell()

        func wake() {
            count.withLock { $0 += 1 }
            bell.ring()
        }

        var wakeCount: Int { count.withLock { $0 } }
    }

    private let loops = Loops()

    private func feed(
        _ lease: SampleLease = SampleLease(), _ politeness: PolitenessOptions = PolitenessOptions()
    ) -> Feed {
        Feed(
            lease: lease, state: JobFeed(politeness, retrying: 0), patience: .none,
            defaults: .sample
        ) {
            [loops] in loops.wake()
        }
    }

    @Test func run_ends_whenTheQueueIsEmpty() async throws {
        #expect(try await feed().run(stallMicrosMax: 900_000_000) == .finished)
        #expect(loops.wakeCount == 0)
    }

    @Test func run_staysForAWhile_whenTheQueueIsEmpty() async throws {
        let begin = ContinuousClock.now
        #expect(
            try await feed().run(stallMicrosMax: 900_000_000, idleMicrosMax: 600_000) == .finished)
        #expect(ContinuousClock.now - begin >= .milliseconds(600))
    }

    @Test func run_thatStays_endsWhenDrained() async throws {
        let feed = feed()
        async let ending = feed.run(
            stallMicrosMax: 900_000_000, idleMicrosMax: 900_000_000)
        feed.drain()
        #expect(try await ending == .finished)
    }

    @Test func run_wakesLoops_forWhatItClaimed_andEndsOnceItIsMarked() async throws {
        let feed = feed(SampleLease(jobs: 3))
        async let ending = feed.run(stallMicrosMax: 900_000_000)
        await loops.bell.wait(untilMicros: nil)
        let jobs = take(10, of: feed)
        #expect(jobs.map(\.position) == [0, 1, 2] && feed.inFlight == 3)
        end(jobs, of: feed)
        feed.marked(jobs.map { $0.mark(.ok) })
        #expect(try await ending == .finished)
    }

    @Test func run_ends_onceWhatWasInFlightIsMarked_whenDrained() async throws {
        let feed = feed(SampleLease(jobs: 100))
        async let ending = feed.run(stallMicrosMax: 900_000_000)
        await loops.bell.wait(untilMicros: nil)
        let jobs = take(5, of: feed)
        feed.drain()
        var runs = SpanQueue()
        #expect(feed.take(1, into: &runs, at: Now.read()).isClosed && runs.count == 0)
        end(jobs, of: feed)
        feed.marked(jobs.map { $0.mark(.ok) })
        #expect(try await ending == .finished)
    }

    @Test func run_ends_whenItIsToldOfAStall() async throws {
        let feed = feed(SampleLease(jobs: 100))
        async let ending = feed.run(stallMicrosMax: 0)
        await loops.bell.wait(untilMicros: nil)
        feed.ended(
            .givenBack(take(1, of: feed), because: .local(.system(24))), at: Now.read())
        #expect(try await ending == .stalled)
    }

    @Test func ended_wakesLoops_whenAnAnswerEndsAPause() async throws {
        let feed = feed(SampleLease(jobs: 100))
        async let ending = feed.run(stallMicrosMax: 900_000_000)
        await loops.bell.wait(untilMicros: nil)
        let jobs = take(2, of: feed)
        // Some time ago, so that the pause is over and the next job is a probe.
        let then = Now(monotonicMicros: Now.read().monotonicMicros - 2_000_000, wallMicros: 0)
        feed.ended(.givenBack([jobs[0]], because: .local(.system(24))), at: then)
        #expect(feed.outages.first?.machineTrouble == .system(24))
        let probe = take(1, of: feed)
        let before = loops.wakeCount
        end([jobs[1]] + probe, of: feed)
        #expect(feed.outages.isEmpty && loops.wakeCount > before)
        feed.drain()
        feed.marked([jobs[1].mark(.ok), probe[0].mark(.ok)])
        #expect(try await ending == .finished)
    }

    /// A worker asks for its next job before the feed is told how its last one ended, so that a host
    /// with a bound has no room then.
    @Test func ended_tellsOfRoom_forWorkersThatWereRefused() async throws {
        var politeness = PolitenessOptions()
        politeness.limits.inFlightMax = 2
        let feed = feed(SampleLease(jobs: 100), politeness)
        async let ending = feed.run(stallMicrosMax: 900_000_000)
        await loops.bell.wait(untilMicros: nil)
        let first = take(1, of: feed)
        #expect(first.count == 1 && !feed.ended(.answered(first), at: Now.read()).isOpen)
        let jobs = take(3, of: feed)
        #expect(jobs.count == 2 && take(1, of: feed).isEmpty)
        // The loop's own worker takes what there is, or another loop's.
        var before = loops.wakeCount
        #expect(feed.ended(.answered([jobs[0]]), asking: 1, at: Now.read()).isOpen)
        #expect(loops.wakeCount == before)
        let next = take(2, of: feed)
        #expect(next.count == 1)
        before = loops.wakeCount
        #expect(feed.ended(.answered([jobs[1]]), at: Now.read()).isOpen)
        #expect(loops.wakeCount > before)
        feed.drain()
        end(next, of: feed)
        feed.marked((first + jobs + next).map { $0.mark(.ok) })
        #expect(try await ending == .finished)
    }

    /// A queue that does not answer holds up nothing of what was claimed: each turn of a rate wakes
    /// loops.
    @Test(arguments: [false, true])
    func run_wakesLoopsInTime_whileTheQueueIsSilent(isHosts: Bool) async throws {
        var politeness = PolitenessOptions()
        let rate = Rate(100, per: .seconds(1))
        if isHosts { politeness.limits.rate = rate } else { politeness.rate = rate }
        let silence = Doorbell()
        let feed = feed(SampleLease(jobs: 40, silence: silence), politeness)
        async let ending = feed.run(stallMicrosMax: 900_000_000)
        var all: [Job] = []
        while all.count < 40 {
            await loops.bell.wait(untilMicros: nil)
            // Woken is who was left without a job.
            let jobs = take(41, of: feed)
            end(jobs, of: feed)
            all += jobs
        }
        silence.ring()
        feed.drain()
        feed.marked(all.map { $0.mark(.ok) })
        #expect(try await ending == .finished)
    }

    private func take(_ limit: Int, of feed: Feed) -> [Job] {
        var runs = SpanQueue()
        _ = feed.take(limit, into: &runs, at: Now.read())
        return runs.popAll()
    }

    private func end(_ jobs: [Job], of feed: Feed) {
        feed.ended(.answered(jobs), at: Now.read())
    }
}
