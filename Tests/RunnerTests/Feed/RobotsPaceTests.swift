import JobStore
import TestSupport
import Testing

@testable import Runner

/// Jobs that robots.txt keeps from being requests, or has wait, and the paces of run and host.
@Suite struct RobotsPaceTests {
    private let chunk = RequestChunk(.sample(), HostTable())

    enum Limit: CaseIterable {
        case rate, hostRate, delay

        /// A request in ten seconds, or in five at least.
        var politeness: PolitenessOptions {
            var politeness = PolitenessOptions()
            switch self {
            case .rate: politeness.rate = Rate(1, per: .seconds(10))
            case .hostRate: politeness.limits.rate = Rate(1, per: .seconds(10))
            case .delay: politeness.limits.delay = .seconds(10)
            }
            return politeness
        }
    }

    private func feed(_ politeness: PolitenessOptions, jobs: Int) -> JobFeed {
        var feed = JobFeed(politeness, retrying: 0)
        feed.claimed([Segment(batch: .sample(), todo: [0..<jobs])], of: chunk, at: .at(ms: 0))
        return feed
    }

    private func disallowed(_ jobs: [Job], isUnsent: Bool = true) -> TurnReport {
        var turn = TurnReport()
        for job in jobs {
            turn.add(Response(failure: .reason(.robots), isUnsent: isUnsent), of: job)
            turn.finish()
        }
        return turn
    }

    @Test(arguments: Limit.allCases)
    func jobsThatAreDisallowed_leaveTheirTurnToOthers(limit: Limit) {
        var feed = feed(limit.politeness, jobs: 100)
        for ms in 0..<50 {
            let jobs = feed.take(10, at: .at(ms: ms))
            #expect(jobs.map(\.position) == [ms])
            feed.ended(disallowed(jobs), at: .at(ms: ms))
            #expect(feed.sumsHold)
        }
        let first = feed.take(10, at: .at(ms: 50))
        #expect(first.count == 1)
        feed.answered(first, at: .at(ms: 60))
        #expect(feed.take(10, at: .at(ms: 4900)).isEmpty)
        #expect(feed.take(10, at: .at(ms: 15_100)).count == 1)
    }

    /// The request for robots.txt was one.
    @Test(arguments: Limit.allCases)
    func theJobForWhichTheFileWasAsked_hasItsTurn(limit: Limit) {
        var feed = feed(limit.politeness, jobs: 100)
        let jobs = feed.take(10, at: .at(ms: 0))
        feed.ended(disallowed(jobs, isUnsent: false), at: .at(ms: 10))
        #expect(feed.take(10, at: .at(ms: 4900)).isEmpty)
    }

    @Test func jobsThatWaitedForTheFile_goOutADelayApart() {
        var feed = feed(PolitenessOptions(), jobs: 10)
        let jobs = feed.take(10, at: .at(ms: 0))
        #expect(jobs.count == 10, "nothing is known of a delay")
        var turn = TurnReport()
        for job in jobs[1...] { turn.putBack(job, crawlDelayMicros: 1_000_000) }
        feed.ended(turn, at: .at(ms: 300))
        #expect(feed.sumsHold && feed.inFlight == 1 && feed.ready == 9)
        #expect(chunk.host.behaviour.contains(.keepsCrawlDelay))
        var (last, taken) = (300, 0)
        for ms in stride(from: 300, to: 20_000, by: 10) {
            let next = feed.take(10, at: .at(ms: ms))
            guard !next.isEmpty else { continue }
            #expect(next.count == 1 && ms - last >= 500 && ms - last <= 1520)
            #expect(next[0].returns.count == 0, "it was not its trouble")
            feed.answered(next, at: .at(ms: ms))
            (last, taken) = (ms, taken + 1)
        }
        #expect(taken == 9)
    }

    /// Or its jobs would pass the gate, and no lane would know of the delay.
    @Test func theDelay_isToBeToldAgain_onceTheLaneIsForgotten() {
        var feed = feed(PolitenessOptions(), jobs: 1)
        let jobs = feed.take(1, at: .at(ms: 0))
        var response = Response(status: 200)
        response.crawlDelayMicros = 1_000_000
        var turn = TurnReport()
        turn.add(response, of: jobs[0])
        turn.finish()
        feed.ended(turn, at: .at(ms: 0))
        #expect(chunk.host.behaviour.contains(.keepsCrawlDelay))
        #expect(feed.take(1, at: .at(ms: 2000)).isEmpty)
        #expect(feed.lanes.lanes.isEmpty)
        feed.add(
            RetryClaim(
                jobs: [DueRetry(batch: .sample(), position: 0, attempts: 1)], nextDue: nil),
            { _ in chunk }, at: .at(ms: 2000))
        #expect(!chunk.host.behaviour.contains(.keepsCrawlDelay))
    }

    /// Where all jobs of the host wait, the delay must not be forgotten with its lane.
    @Test func theDelay_isKept_whereNothingIsInFlight() {
        var feed = feed(PolitenessOptions(), jobs: 3)
        var turn = TurnReport()
        for job in feed.take(10, at: .at(ms: 0)) { turn.putBack(job, crawlDelayMicros: 1_000_000) }
        feed.ended(turn, at: .at(ms: 0))
        #expect(feed.take(10, at: .at(ms: 490)).isEmpty && feed.sumsHold)
        #expect(feed.take(10, at: .at(ms: 1510)).count == 1)
    }

    /// Jobs that waited for the file were no requests: of these, the first ones tell how many the
    /// host takes.
    @Test func jobsThatWaitedForTheFile_areNoRequestsThatAreNotAnswered() {
        var feed = JobFeed(PolitenessOptions().of(workers: 1000), retrying: 0)
        feed.claimed([Segment(batch: .sample(), todo: [0..<4096])], of: chunk, at: .at(ms: 0))
        let jobs = feed.take(1000, at: .at(ms: 0))
        #expect(jobs.count == CrowdControl.inFlightMaxFirst)
        var turn = TurnReport()
        for job in jobs[1...] { turn.putBack(job, crawlDelayMicros: 0) }
        feed.ended(turn, at: .at(ms: 5))
        feed.answered([jobs[0]], at: .at(ms: 6))
        var ms = 6
        var most = 0
        while ms < 240, most <= CrowdControl.inFlightMaxFirst {
            let next = feed.take(1000, at: .at(ms: ms))
            most = max(most, next.count)
            ms += 10
            feed.answered(next, at: .at(ms: ms))
        }
        #expect(most == 2 * CrowdControl.inFlightMaxFirst, "after \(ms) ms")
    }

    /// Nor are those that it disallows: they say nothing of how long an answer takes.
    @Test func jobsThatAreDisallowed_areOfNoCohort() {
        var cohort = Cohort(number: 1, countMin: 4, micros: 1000, at: .at(ms: 0))
        cohort.add(sent: 8)
        cohort.pass(to: .at(ms: 2), inFlight: 8)
        cohort.add(Cohort.Share(number: 1, count: 0, answered: 0, unsent: 4))
        cohort.pass(to: .at(ms: 100), inFlight: 4)
        #expect(!cohort.isOpen && !cohort.isBack)
        cohort.add(Cohort.Share(number: 1, count: 4, answered: 4))
        #expect(cohort.isBack && cohort.latencyMicros >= 98_000)
    }
}
