import JobStore
import TestSupport
import Testing

@testable import Runner

/// Lists may have hundreds of thousands of hosts, each with a few jobs.
@Suite struct ForgottenHostTests {
    private func feed(jobs: Int) -> (JobFeed, [Job]) {
        var feed = JobFeed(retrying: 0)
        let chunk = RequestChunk(.sample(), HostTable())
        feed.claimed([Segment(batch: .sample(), todo: [0..<jobs])], of: chunk, at: .at(ms: 0))
        let taken = feed.take(jobs, at: .at(ms: 0))
        return (feed, taken)
    }

    /// Whether no host has a lane. One that has its turn to hand out is looked at then.
    private func hasNoLane(_ feed: inout JobFeed, atMs ms: Int) -> Bool {
        #expect(feed.take(1, at: .at(ms: ms)).isEmpty)
        #expect(feed.sumsHold)
        return feed.lanes.lanes.isEmpty
    }

    private func turn(_ jobs: [Job], _ response: Response, isRetried: Bool = false) -> TurnReport {
        var turn = TurnReport()
        for job in jobs {
            turn.add(response, of: job)
            turn.finish()
            if isRetried { turn.awaitRetry(of: job, isHeld: false) }
        }
        return turn
    }

    @Test(arguments: [
        Response(status: 500), Response(status: 503), Response(failure: .reason(.connect)),
        Response(status: 200),
    ])
    func aHost_isForgotten_onceItsFewJobsAreDoneWith(response: Response) {
        var (feed, jobs) = feed(jobs: 5)
        #expect(jobs.count == 5)
        feed.ended(turn(jobs, response), at: .at(ms: 10))
        #expect(hasNoLane(&feed, atMs: 10))
    }

    /// Or a host of few jobs would never count as out of reach.
    @Test func itsFailures_areRemembered_whileRetriesWait() throws {
        var (feed, jobs) = feed(jobs: 12)
        let refused = Response(failure: .reason(.connect))
        feed.ended(turn(jobs, refused, isRetried: true), at: .at(ms: 10))
        feed.marked(jobs, .unavailable, wait: .seconds(1), at: .at(ms: 10))
        #expect(!hasNoLane(&feed, atMs: 10))
        let due = jobs.map { DueRetry(batch: .sample(), position: $0.position, attempts: 1) }
        let chunk = try #require(jobs.first).chunk
        feed.add(RetryClaim(jobs: due, nextDue: nil), { _ in chunk }, at: .at(ms: 1010))
        let again = feed.take(12, at: .at(ms: 1010))
        feed.ended(turn(Array(again.prefix(8)), refused), at: .at(ms: 1020))
        #expect(feed.tripped.count == 1, "twenty in a row")
    }

    @Test func aHost_isForgotten_onceTheLastRetryHasFailed() throws {
        var (feed, jobs) = feed(jobs: 2)
        let broken = Response(status: 500)
        feed.ended(turn(jobs, broken, isRetried: true), at: .at(ms: 10))
        #expect(!hasNoLane(&feed, atMs: 10))
        let due = jobs.map { DueRetry(batch: .sample(), position: $0.position, attempts: 1) }
        let chunk = try #require(jobs.first).chunk
        feed.add(RetryClaim(jobs: due, nextDue: nil), { _ in chunk }, at: .at(ms: 1010))
        let again = feed.take(2, at: .at(ms: 1010))
        feed.ended(turn(again, broken), at: .at(ms: 1020))
        #expect(hasNoLane(&feed, atMs: 1020))
    }
}
