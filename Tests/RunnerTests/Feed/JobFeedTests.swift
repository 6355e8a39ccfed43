import JobStore
import Testing

@testable import Runner

@Suite struct JobFeedTests {
    private var feed = JobFeed(limits: .init(unmarked: 10, retrying: 3), retrying: 0)
    private let start = Now.at(ms: 0)

    // MARK: - Claiming

    @Test mutating func need_claimsAhead_onlyUpToItsLimit() {
        #expect(feed.need(at: start) == .jobs(ClaimRequest(jobs: 8192)))
        feed.claimed(0..<1, at: start)
        #expect(feed.need(at: start) == .jobs(ClaimRequest(jobs: 8191)))
        feed.claimed(1..<4096, at: start)
        #expect(feed.need(at: start) == .jobs(ClaimRequest(jobs: 4096)))
        feed.claimed(4096..<8191, at: start)
        #expect(feed.need(at: start) == .jobs(ClaimRequest(jobs: 4096)))
        feed.claimed(8191..<8192, at: start)
        #expect(waits(feed.need(at: start)))
        #expect(feed.take(1, at: start).count == 1)
        #expect(feed.need(at: start) == .jobs(ClaimRequest(jobs: 4096)))
    }

    /// A commit for each job of a run that keeps to a rate would have the disk write for each.
    @Test mutating func marks_areAwaited_whereNothingElseGoesOn() {
        feed.claimed(0..<24, at: start)
        let jobs = feed.take(2, at: start)
        feed.answered([jobs[0]], at: start)
        #expect(!feed.awaitsMarks, "another one is in flight")
        feed.answered([jobs[1]], at: start)
        #expect(!feed.awaitsMarks, "others go out in their turn")
        let more = feed.take(8, at: start)
        feed.answered(more, at: start)
        #expect(feed.take(1, at: start).isEmpty && feed.awaitsMarks, "no more may be unmarked")
        feed.marked(jobs + more, .ok, at: start)
        let last = feed.take(14, at: start)
        feed.answered(Array(last[..<4]), at: start)
        #expect(!feed.awaitsMarks)
        feed.answered(Array(last[4...]), at: start)
        #expect(feed.awaitsMarks, "nothing is left")
    }

    @Test mutating func marks_areAwaited_byARunThatStops() {
        feed.claimed(0..<24, at: start)
        let jobs = feed.take(2, at: start)
        feed.drain()
        feed.answered([jobs[0]], at: start)
        #expect(!feed.awaitsMarks)
        feed.answered([jobs[1]], at: start)
        #expect(feed.awaitsMarks)
    }

    @Test mutating func need_claimsNoSegments_atTheRetryLimit() {
        feed.claimed(0..<4, at: start)
        let jobs = feed.take(4, at: start)
        feed.finished(Array(jobs[..<2]), .unavailable, wait: .milliseconds(5000), at: start)
        #expect(feed.retrying == 2 && feed.need(at: start) == .jobs(ClaimRequest(jobs: 8192)))
        feed.finished([jobs[2]], .unavailable, wait: .milliseconds(5000), at: start)
        #expect(feed.retrying == 3 && waits(feed.need(at: start)))
        feed.finished([jobs[3]], .ok, at: start)
        #expect(waits(feed.need(at: start)))

        // One less in the table of retries, and it goes on.
        #expect(feed.need(at: .at(ms: 5000)) == .retries(4096))
        feed.claimedRetries([(0, 1)], next: .seconds(9), at: .at(ms: 5000))
        #expect(waits(feed.need(at: .at(ms: 5000))))
        feed.finished(feed.take(1, at: .at(ms: 5000)), .ok, at: .at(ms: 5000))
        #expect(
            feed.retrying == 2 && feed.need(at: .at(ms: 5000)) == .jobs(ClaimRequest(jobs: 8192)))
    }

    @Test mutating func need_asksADryQueueAgain_onlyAfterAWhile() {
        feed.claimed(0..<1, at: start)
        _ = feed.take(1, at: start)
        feed.claimedNothing(at: start)
        #expect(feed.need(at: .at(ms: 1)) == .wait(untilMicros: 1_000_000))
        #expect(feed.need(at: .at(ms: 999)) != .jobs(ClaimRequest(jobs: 8192)))
        #expect(feed.need(at: .at(ms: 1000)) == .jobs(ClaimRequest(jobs: 8192)))
        feed.claimed(1..<2, at: .at(ms: 1000))
        #expect(feed.need(at: .at(ms: 1000)) == .jobs(ClaimRequest(jobs: 8191)))
    }

    @Test mutating func need_claimsRetries_whenTheyAreDue() {
        feed.claimed(0..<1, at: start)
        let wait = Duration.milliseconds(5000)
        feed.finished(feed.take(1, at: start), .unavailable, wait: wait, at: start)
        feed.claimedNothing(at: start)
        #expect(feed.need(at: .at(ms: 900)) == .wait(untilMicros: 1_000_000))
        feed.claimedNothing(at: .at(ms: 4500))
        #expect(feed.need(at: .at(ms: 4500)) == .wait(untilMicros: 5_000_000))
        // The wall clock was set: it has no part in it.
        #expect(feed.need(at: .at(ms: 4999, wallSetMs: 7000)) != .retries(4096))
        #expect(feed.need(at: .at(ms: 5000, wallSetMs: -7000)) == .retries(4096))
        // Asked for once: the claim says when to ask again.
        #expect(feed.need(at: .at(ms: 5000)) != .retries(4096))
    }

    /// Each answer is written to the disk, and one may come due each millisecond.
    @Test(arguments: [true, false])
    mutating func need_gathersRetries_whileOthersAreInFlight(isBusy: Bool) {
        feed.claimed(0..<3, at: start)
        let jobs = feed.take(3, at: start)
        feed.finished([jobs[0]], .unavailable, wait: .milliseconds(1000), at: start)
        feed.finished([jobs[1]], .unavailable, wait: .milliseconds(1010), at: start)
        if !isBusy { feed.finished([jobs[2]], .ok, at: start) }
        feed.claimedNothing(at: .at(ms: 999))
        #expect(feed.need(at: .at(ms: 1000)) == .retries(4096))
        feed.claimedRetries([(0, 1)], next: .milliseconds(10), at: .at(ms: 1000))
        let next = feed.need(at: .at(ms: 1010))
        #expect(next == (isBusy ? .wait(untilMicros: 1_100_000) : .retries(4096)))
        if isBusy { #expect(feed.need(at: .at(ms: 1100)) == .retries(4096)) }
    }

    @Test mutating func need_claimsNoRetriesTwice() {
        feed.claimed(0..<2, at: start)
        feed.finished(feed.take(2, at: start), .unavailable, wait: .zero, at: start)
        #expect(feed.need(at: start) == .retries(4096))
        feed.claimedRetries([(0, 1), (1, 1)], next: nil)
        #expect(feed.need(at: start) == .jobs(ClaimRequest(jobs: 8190)))
    }

    @Test mutating func need_claimsNoRetry_thatWasClaimedBeforeWeHeardOfItsCommit() {
        feed.claimed(0..<1, at: start)
        let jobs = feed.take(1, at: start)
        feed.answered(jobs, at: start)
        // Committed and due at once, and claimed before the marker tells of the commit.
        feed.claimedRetries([(0, 1)])
        feed.marked(jobs, .unavailable, wait: .zero)
        #expect(feed.retrying == 1 && feed.need(at: start) == .jobs(ClaimRequest(jobs: 8191)))
        feed.finished(feed.take(1, at: start), .ok, at: start)
        feed.claimedNothing(at: start)
        #expect(feed.retrying == 0 && feed.need(at: start) == .finished)
    }

    @Test func need_looksAtOnce_forRetriesOfAnEarlierRun() {
        var feed = JobFeed(retrying: 5)
        #expect(feed.need(at: start) == .retries(4096))
        feed.claimedRetries([(7, 2)], next: .milliseconds(100))
        #expect(feed.need(at: start) == .jobs(ClaimRequest(jobs: 8191)))
        #expect(feed.need(at: .at(ms: 100)) == .retries(4096))
    }

    @Test mutating func need_isFinished_onlyAfterAnEmptyClaimWhileIdle() {
        feed.claimed(0..<1, at: start)
        let jobs = feed.take(1, at: start)
        feed.claimedNothing(at: start)
        #expect(waits(feed.need(at: start)))
        feed.answered(jobs, at: start)
        #expect(waits(feed.need(at: start)))
        feed.marked(jobs, .ok)
        // That claim came while a job was in flight: asked again, at once.
        #expect(feed.need(at: start) == .jobs(ClaimRequest(jobs: 8192)))
        feed.claimedNothing(at: start)
        #expect(feed.need(at: start) == .finished)
    }

    @Test mutating func need_isNotFinished_whenTheLastClaimBroughtJobs() {
        feed.claimedNothing(at: start)
        #expect(feed.need(at: start) == .finished)
        feed.claimed(0..<1, at: start)
        #expect(feed.need(at: start) == .jobs(ClaimRequest(jobs: 8191)))
        feed.finished(feed.take(1, at: start), .ok, at: start)
        #expect(feed.need(at: start) == .jobs(ClaimRequest(jobs: 8192)))
    }

    @Test mutating func need_isNotFinished_whileARetryWaits() {
        feed.claimed(0..<1, at: start)
        feed.finished(feed.take(1, at: start), .unavailable, wait: .milliseconds(100), at: start)
        feed.claimedNothing(at: start)
        #expect(waits(feed.need(at: start)))
        feed.claimedRetries([(0, 1)])
        feed.finished(feed.take(1, at: .at(ms: 100)), .ok, at: .at(ms: 100))
        #expect(
            feed.retrying == 0 && feed.need(at: .at(ms: 100)) == .jobs(ClaimRequest(jobs: 8192)))
        feed.claimedNothing(at: .at(ms: 100))
        #expect(feed.need(at: .at(ms: 100)) == .finished)
    }

    /// The queue's clock may be set: an hour's wait may be over at once, by that clock.
    @Test mutating func need_asksForRetriesEachMinute_whileOneWaits() {
        waitForARetry(dueMs: 3_600_000)
        #expect(feed.need(at: .at(ms: 59_999)) != .retries(4096))
        #expect(feed.need(at: .at(ms: 60_000)) == .retries(4096))
        feed.claimedRetries([], next: .seconds(3540), at: .at(ms: 60_000))
        #expect(feed.need(at: .at(ms: 119_999)) != .retries(4096))
        #expect(feed.need(at: .at(ms: 120_000)) == .retries(4096))
    }

    @Test mutating func need_isNotHurried_byAQueueThatSaysAtOnce() {
        waitForARetry(dueMs: 100)
        #expect(feed.need(at: .at(ms: 100)) == .retries(4096))
        feed.claimedRetries([], next: .zero, at: .at(ms: 100))
        #expect(feed.need(at: .at(ms: 109)) != .retries(4096))
        #expect(feed.need(at: .at(ms: 110)) == .retries(4096))
    }

    @Test mutating func need_waits_whileOtherRunnersHoldJobs() {
        feed.claimedNothing(.after(.seconds(3)), at: start)
        #expect(feed.need(at: start) == .wait(untilMicros: 3_000_000))
        // With nothing else to do, also for what was given back to wait.
        #expect(
            feed.need(at: .at(ms: 3000))
                == .jobs(ClaimRequest(jobs: 8192, includesParked: true)))
        // As if it had said so: no store makes the run spin.
        for next in [Claim.Next.now, .after(.zero)] {
            feed.claimedNothing(next, at: .at(ms: 3000))
            #expect(feed.need(at: .at(ms: 3009)) != .jobs(ClaimRequest(jobs: 8192)))
            #expect(feed.need(at: .at(ms: 3010)) != .finished)
        }
        feed.claimedNothing(.finished, at: .at(ms: 3010))
        #expect(feed.need(at: .at(ms: 3010)) == .finished)
    }

    @Test mutating func need_claimsARetry_thatWasMarkedWhileRetriesWereClaimed() {
        feed.claimed(0..<2, at: start)
        let jobs = feed.take(2, at: start)
        feed.finished([jobs[0]], .unavailable, wait: .zero, at: start)
        #expect(feed.need(at: start) == .retries(4096))
        // The queue answers that none waits beside job 0; job 1 is committed before we hear of it.
        feed.finished([jobs[1]], .unavailable, wait: .milliseconds(100), at: start)
        feed.claimedRetries([(0, 1)], next: nil)
        feed.finished(feed.take(1, at: start), .ok, at: start)
        feed.claimedNothing(at: start)
        #expect(feed.retrying == 1)
        #expect(feed.need(at: .at(ms: 100)) == .retries(4096))
    }

    // MARK: - Retries that are cancelled under a run

    @Test mutating func need_isFinished_whenWhatWaitedWasCancelled() {
        waitForARetry(dueMs: 100)
        #expect(feed.need(at: .at(ms: 100)) == .retries(4096))
        feed.claimedRetries([], next: nil, at: .at(ms: 100))
        #expect(
            feed.retrying == 0 && feed.need(at: .at(ms: 100)) == .jobs(ClaimRequest(jobs: 8192)))
        feed.claimedNothing(at: .at(ms: 100))
        #expect(feed.need(at: .at(ms: 100)) == .finished)
    }

    @Test mutating func need_forgetsWhatWasCancelled_besideRetriesThatWereNot() {
        feed.claimed(0..<2, at: start)
        feed.finished(feed.take(2, at: start), .unavailable, wait: .milliseconds(5), at: start)
        #expect(feed.need(at: .at(ms: 5)) == .retries(4096))
        feed.claimedRetries([(1, 1)], next: nil, at: .at(ms: 5))
        #expect(feed.retrying == 1)
        feed.finished(feed.take(1, at: .at(ms: 5)), .ok, at: .at(ms: 5))
        feed.claimedNothing(at: .at(ms: 5))
        #expect(feed.retrying == 0 && feed.need(at: .at(ms: 5)) == .finished)
    }

    /// The answer may be older than a mark: then that mark's job still waits.
    @Test mutating func need_keepsARetry_thatWasMarkedWhileTheQueueSaidThatNoneWaits() {
        feed.claimed(0..<2, at: start)
        let jobs = feed.take(2, at: start)
        feed.finished([jobs[0]], .unavailable, wait: .zero, at: start)
        #expect(feed.need(at: start) == .retries(4096))
        // Job 0 was cancelled. Job 1 is committed after the queue has answered, and marked before.
        feed.finished([jobs[1]], .unavailable, wait: .milliseconds(100), at: start)
        feed.claimedRetries([], next: nil)
        feed.claimedNothing(at: start)
        #expect(feed.retrying == 2 && waits(feed.need(at: start)))
        #expect(feed.need(at: .at(ms: 100)) == .retries(4096))
        feed.claimedRetries([(1, 1)], next: nil, at: .at(ms: 100))
        #expect(feed.retrying == 1)
        feed.finished(feed.take(1, at: .at(ms: 100)), .ok, at: .at(ms: 100))
        feed.claimedNothing(at: .at(ms: 100))
        #expect(feed.retrying == 0 && feed.need(at: .at(ms: 100)) == .finished)
    }

    @Test mutating func need_claimsDueRetries_thoughEnoughFreshIsReady() {
        feed.claimed(0..<1, at: start)
        let jobs = feed.take(1, at: start)
        feed.finished(jobs, .unavailable, wait: .zero, at: start)
        feed.claimed(1..<4097, at: start)
        feed.claimed(4097..<8193, at: start)
        #expect(feed.need(at: .at(ms: 10)) == .retries(4096))
        // And with none due and enough ready there is nothing to look for.
        #expect(feed.need(at: .at(ms: 10)) == .wait(untilMicros: nil))
    }

    @Test mutating func need_waitsOutAPause() {
        feed.claimed(0..<5, at: start)
        let jobs = feed.take(2, at: start)
        feed.ended(.givenBack(jobs, because: .local(.system(24))), at: start)
        #expect(feed.need(at: .at(ms: 10)) == .wait(untilMicros: 1_000_000))
        #expect(feed.take(5, at: .at(ms: 10)).isEmpty && feed.isStarved)
        #expect(feed.take(5, at: .at(ms: 1000)).map(\.position) == [2, 3, 4, 0])
        #expect(feed.need(at: .at(ms: 1000)) == .jobs(ClaimRequest(jobs: 8191)))
    }

    // MARK: - Handing out

    @Test mutating func take_handsOutNothing_atTheUnmarkedLimit_andAgainAfterMarks() {
        feed.claimed(0..<100, at: start)
        let jobs = feed.take(11, at: start)
        feed.answered(Array(jobs[..<9]), at: start)
        #expect(feed.unmarked == 9 && feed.take(1, at: start).count == 1)
        feed.answered([jobs[9]], at: start)
        #expect(feed.unmarked == 10 && feed.take(1, at: start).isEmpty && feed.isStarved)
        feed.marked([jobs[0]], .ok)
        feed.areWoken()
        #expect(feed.unmarked == 9 && feed.take(1, at: start).count == 1 && !feed.isStarved)
    }

    @Test mutating func take_handsOutNoMore_thanThereIsMemoryFor() {
        feed.claimed(0..<10, at: start)
        var runs = SpanQueue()
        #expect(feed.take(8, into: &runs, at: start, inFlightMax: 3) == 3 && feed.isStarved)
        #expect(feed.take(8, into: &runs, at: start, inFlightMax: 1) == 0)
        #expect(feed.take(8, into: &runs, at: start, inFlightMax: 5) == 2)
        #expect(feed.take(8, into: &runs, at: start) == 5)
    }

    @Test mutating func take_handsOutRetries_beforeFresh() {
        feed.claimed(0..<5, at: start)
        feed.claimedRetries([(100, 1), (200, 4)])
        let jobs = feed.take(4, at: start)
        #expect(jobs.map(\.position) == [100, 200, 0, 1])
        #expect(jobs.map(\.attempt) == [2, 5, 1, 1])
        #expect(feed.ready == 3 && feed.inFlight == 4)
    }

    @Test mutating func take_handsOutEachRunOfASegment() {
        feed.claimed(0..<2, 10..<11, 20..<30, at: start)
        #expect(feed.take(5, at: start).map(\.position) == [0, 1, 10, 20, 21])
        #expect(feed.take(100, at: start).map(\.position) == Array(22..<30))
    }

    /// Until loops are woken: one that gets all it asks for says nothing of the others.
    @Test mutating func isStarved_whenFewerCameThanWereAskedFor() {
        #expect(!feed.isStarved)
        #expect(feed.take(1, at: start).isEmpty && feed.isStarved)
        feed.claimed(0..<5, at: start)
        #expect(feed.take(1, at: start).count == 1 && feed.isStarved)
        feed.areWoken()
        #expect(feed.take(2, at: start).count == 2 && !feed.isStarved)
        #expect(feed.take(2, at: start).count == 2 && !feed.isStarved)
        feed.claimed(5..<6, at: start)
        #expect(feed.take(2, at: start).count == 1 && feed.isStarved)
    }

    // MARK: - What happened

    @Test mutating func ended_givesJobsBack_toComeAgainWithTheSameAttempt() {
        feed.claimed(0..<3, at: start)
        feed.claimedRetries([(100, 4)])
        let jobs = feed.take(2, at: start)
        feed.givenBack(jobs, at: start)
        #expect(feed.inFlight == 0 && feed.unmarked == 0 && feed.ready == 4)
        let again = feed.take(4, at: start)
        // After the others.
        #expect(again.map(\.position) == [1, 2, 100, 0])
        #expect(again.map(\.attempt) == [1, 1, 5, 1])
    }

    @Test mutating func marked_countsWhatWaitsForARetry() {
        feed.claimed(0..<3, at: start)
        let jobs = feed.take(3, at: start)
        feed.finished([jobs[0]], .ok, at: start)
        feed.finished([jobs[1]], Outcome(.failed, .tls), at: start)
        #expect(feed.retrying == 0)
        feed.finished([jobs[2]], .unavailable, wait: .zero, at: start)
        for attempt in 2...4 {
            #expect(feed.retrying == 1)
            #expect(feed.need(at: start) == .retries(4096))
            feed.claimedRetries([(2, attempt - 1)])
            #expect(feed.retrying == 1)
            let again = feed.take(1, at: start)
            #expect(again.first?.attempt == attempt)
            feed.finished(
                again, attempt < 4 ? .unavailable : Outcome(.failed, status: 503),
                wait: .zero, at: start)
        }
        #expect(feed.retrying == 0 && feed.inFlight == 0 && feed.unmarked == 0)
    }

    @Test mutating func drain_handsOutNoMore_andFinishesOnceAllIsMarked() {
        feed.claimed(0..<100, at: start)
        let jobs = feed.take(3, at: start)
        feed.drain()
        #expect(feed.isDraining && feed.take(5, at: start).isEmpty)
        #expect(feed.need(at: start) == .wait(untilMicros: nil))
        feed.givenBack([jobs[0]], at: start)
        #expect(feed.ready == 97 && feed.take(5, at: start).isEmpty)
        feed.answered(Array(jobs[1...]), at: start)
        #expect(feed.inFlight == 0 && feed.need(at: start) == .wait(untilMicros: nil))
        feed.marked([jobs[1]], .ok)
        #expect(feed.need(at: start) == .wait(untilMicros: nil))
        feed.marked([jobs[2]], .unavailable, wait: .seconds(3600))
        #expect(feed.need(at: start) == .finished)
    }

    @Test mutating func drain_finishesAtOnce_whenNothingIsInFlight_evenInAPause() {
        feed.claimed(0..<5, at: start)
        feed.ended(.givenBack(feed.take(1, at: start), because: .local(.system(24))), at: start)
        feed.drain()
        #expect(feed.need(at: start) == .finished)
    }

    /// Has one job wait for its retry and the queue hold nothing else.
    private mutating func waitForARetry(dueMs: Int) {
        feed.claimed(0..<1, at: start)
        feed.finished(feed.take(1, at: start), .unavailable, wait: .milliseconds(dueMs), at: start)
        feed.claimedNothing(at: start)
    }

    private func waits(_ need: JobFeed.Need) -> Bool {
        if case .wait = need { true } else { false }
    }
}
