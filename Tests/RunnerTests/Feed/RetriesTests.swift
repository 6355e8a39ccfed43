import JobStore
import Testing

@testable import Runner

@Suite struct RetriesTests {
    private let now = Now.at(ms: 0)

    private func mark(_ attempt: Int, _ outcome: Outcome, waitMs: Int = 0) -> Mark {
        Job.sample(1, attempt: attempt).mark(outcome, wait: .milliseconds(waitMs))
    }

    @Test func theNextRetry_isTheEarliestThatIsKnown() {
        var retries = Retries(waiting: 0, lookMicros: 60_000_000)
        #expect(retries.waitMicros(isBusy: true, at: now) == nil)
        retries.marked(mark(1, .unavailable, waitMs: 9000), at: now)
        retries.marked(mark(1, .unavailable, waitMs: 4000), at: now)
        retries.marked(mark(1, .unavailable, waitMs: 7000), at: now)
        #expect(
            retries.waiting == 3 && retries.waitMicros(isBusy: true, at: .at(ms: 1000)) == 3_000_000
        )
    }

    @Test func theQueue_isAskedNowAndThen_thoughNothingIsDue() {
        var retries = Retries(waiting: 0, lookMicros: 5_000_000)
        retries.marked(mark(1, .unavailable, waitMs: 3_600_000), at: now)
        #expect(retries.waitMicros(isBusy: true, at: now) == 5_000_000)
    }

    @Test func thoseThatTheRunHolds_areNotAskedFor() {
        var retries = Retries(waiting: 1, lookMicros: 60_000_000)
        #expect(retries.waitMicros(isBusy: true, at: now) == 0, "an earlier run has left it")
        retries.areAskedFor(at: .at(ms: 0))
        let due = DueRetry(batch: .sample(), position: 1, attempts: 1)
        retries.add(
            RetryClaim(jobs: [due], nextDue: .seconds(1)), waitMicrosMin: 10_000, at: now)
        #expect(retries.inQueue == 0 && retries.waitMicros(isBusy: true, at: now) == nil)
        retries.marked(mark(2, .unavailable, waitMs: 2000), at: now)
        #expect(retries.inQueue == 1 && retries.held == 0)
        #expect(retries.waitMicros(isBusy: true, at: now) == 1_000_000)
        retries.areAskedFor(at: .at(ms: 0))
        retries.add(RetryClaim(jobs: [due], nextDue: nil), waitMicrosMin: 10_000, at: now)
        retries.marked(mark(3, .ok), at: now)
        #expect(retries.waiting == 0 && retries.held == 0)
    }

    @Test func aQueueThatGaveNothing_isNotAskedAtOnce() {
        var retries = Retries(waiting: 2, lookMicros: 60_000_000)
        retries.areAskedFor(at: .at(ms: 0))
        retries.add(RetryClaim(jobs: [], nextDue: .zero), waitMicrosMin: 10_000, at: now)
        #expect(retries.waitMicros(isBusy: true, at: now) == 10_000)
    }
}
