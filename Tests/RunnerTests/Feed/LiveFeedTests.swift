import JobStore
import TestSupport
import Testing

@testable import Runner

/// A run that people pause, and give other limits, while it goes on.
@Suite struct LiveFeedTests {
    private func feed(
        _ politeness: PolitenessOptions = PolitenessOptions(), workers: Int = 100
    ) -> JobFeed {
        var limits = JobFeed.Limits()
        limits.workers = workers
        var feed = JobFeed(limits: limits, politeness, retrying: 0)
        feed.claimed(0..<4096, at: .at(ms: 0))
        return feed
    }

    // MARK: - Hosts

    /// What a run of the same queue was told, another machine's perhaps.
    @Test func aHostThatAskedAnotherRun_isLeftAlone_andAskedByAFewThen() {
        var feed = feed()
        let jobs = feed.take(10, at: .at(ms: 0))
        let asked = [
            HostPace(
                host: jobs[0].chunk.host.key.text, wait: .seconds(30), requestsPerSecond: nil),
            HostPace(host: "http://elsewhere", wait: .seconds(90), requestsPerSecond: nil),
        ]
        for ms in [1000, 3000] {
            feed.lanes.holdBack(
                asked.map {
                    HostPace(
                        host: $0.host, wait: $0.wait - .milliseconds(ms - 1000),
                        requestsPerSecond: nil)
                }, at: .at(ms: ms))
            #expect(feed.take(10, at: .at(ms: ms)).isEmpty && feed.sumsHold)
        }
        feed.finished(jobs, .ok, at: .at(ms: 4000))
        #expect(feed.take(10, at: .at(ms: 30_900)).isEmpty)
        let probes = feed.take(10, at: .at(ms: 31_100))
        #expect(probes.count == Breaker.probes)
        feed.finished(probes, .ok, at: .at(ms: 31_200))
        #expect(feed.take(100, at: .at(ms: 31_300)).count == 100 && feed.sumsHold)
    }

    // MARK: - Pauses

    @Test func nothingGoesOut_whilePaused_andTheRunGoesOnThen() {
        var feed = feed()
        let jobs = feed.take(10, at: .at(ms: 0))
        feed.setPaused(true, at: .at(ms: 100))
        #expect(feed.take(10, at: .at(ms: 200)).isEmpty && feed.startable == 0)
        #expect(feed.shortage(inFlightMax: .max) == .held)
        feed.finished(jobs, .ok, at: .at(ms: 300))
        feed.claimedNothing(at: .at(ms: 400))
        // Jobs are left.
        #expect(feed.need(at: .at(ms: 3_600_000)) != .finished)
        feed.setPaused(false, at: .at(ms: 3_600_000))
        #expect(feed.take(10, at: .at(ms: 3_600_000)).count == 10)
        #expect(feed.sumsHold)
    }

    @Test func aPausedRun_thatHasNothingLeft_ends() {
        var feed = JobFeed(retrying: 0)
        feed.setPaused(true, at: .at(ms: 0))
        #expect(feed.need(at: .at(ms: 0)) != .finished)
        feed.claimedNothing(at: .at(ms: 1))
        #expect(feed.need(at: .at(ms: 1)) == .finished)
    }

    @Test func aPausedRun_ends_whenItIsDrained() {
        var feed = feed()
        feed.setPaused(true, at: .at(ms: 0))
        feed.drain()
        #expect(feed.need(at: .at(ms: 1)) == .finished)
    }

    @Test func aPause_isNoStall() {
        var feed = feed()
        let jobs = feed.take(1, at: .at(ms: 0))
        feed.ended(.givenBack(jobs, because: .local(.system(24))), at: .at(ms: 1))
        _ = feed.need(at: .at(ms: 2))
        #expect(feed.stalledSinceMicros != nil)
        feed.setPaused(true, at: .at(ms: 3))
        _ = feed.need(at: .at(ms: 1_000_000))
        #expect(feed.stalledSinceMicros == nil && !feed.isWakeDue(at: .at(ms: 1_000_000)))
        feed.setPaused(false, at: .at(ms: 1_000_000))
        _ = feed.need(at: .at(ms: 1_000_001))
        #expect(feed.stalledSinceMicros == Now.at(ms: 1_000_001).monotonicMicros)
    }

    @Test func aPause_savesUpNoRate() {
        var politeness = PolitenessOptions()
        politeness.rate = Rate(100, per: .seconds(1))
        var feed = feed(politeness)
        _ = feed.take(100, at: .at(ms: 0))
        feed.setPaused(true, at: .at(ms: 10))
        feed.setPaused(false, at: .at(ms: 60_000))
        // What may be caught up at any time: 45 ms.
        #expect(feed.take(100, at: .at(ms: 60_000)).count <= 5)
    }

    @Test func aPause_isLeftOutOfTheClockOfRates() {
        var clock = PauseClock()
        #expect(clock.unpaused(.at(ms: 5)) == .at(ms: 5))
        clock.begin(at: .at(ms: 10))
        clock.begin(at: .at(ms: 15))
        #expect(clock.unpaused(.at(ms: 90)).monotonicMicros == 10_000)
        clock.end(at: .at(ms: 110))
        clock.end(at: .at(ms: 120))
        #expect(clock.unpaused(.at(ms: 130)).monotonicMicros == 30_000)
    }

    /// Answers a thousand requests a second, with 50 in flight.
    private func answer(_ pacing: inout Pacing, fromMs start: Int, toMs end: Int) {
        for ms in stride(from: start, through: end, by: 50) {
            pacing.ended(answered: 50, refused: 0, at: .at(ms: ms))
        }
    }

    /// The rate that a host takes is judged by the second after the pause, not by the pause.
    @Test func aPause_isNoTimeOfFewAnswers() {
        var pacing = Pacing()
        pacing.resume(perSecond: 1000, at: .at(ms: 0))
        answer(&pacing, fromMs: 50, toMs: 500)
        pacing.setPaused(true, at: .at(ms: 500))
        // The last ones come back one by one.
        for ms in stride(from: 1000, through: 9000, by: 1000) {
            pacing.ended(answered: 1, refused: 0, at: .at(ms: ms))
        }
        pacing.setPaused(false, at: .at(ms: 610_000))
        #expect(pacing.perSecond == 1000)
        answer(&pacing, fromMs: 610_050, toMs: 611_000)
        #expect(pacing.perSecond ?? 0 > 1000)
    }

    /// Nor is it a time in which answers took long: that would be a crowd.
    @Test func aPause_isNoCrowd() {
        var pacing = Pacing(crowd: Apart(wrappedValue: CrowdControl(workers: 1000)))
        pacing.expect(inFlight: 50)
        /// The cohorts of the 50 in flight, the oldest first.
        var sent: [(number: Cohort.Number, count: Int)] = []
        func send(_ count: Int, ms: Int) {
            let number = pacing.cohortNumber
            pacing.sent(count, inFlight: 50 - count, at: .at(ms: ms))
            sent.append((number, count))
        }
        func answer(ms: Int) {
            let (number, count) = sent.removeFirst()
            pacing.ended(
                count, Cohort.Share(number: number, count: count, answered: count), inFlight: 50,
                at: .at(ms: ms))
        }
        func run(fromMs start: Int) {
            send(25, ms: start)
            send(25, ms: start + 25)
            for ms in stride(from: start + 50, to: start + 15_000, by: 50) {
                answer(ms: ms)
                send(25, ms: ms)
            }
        }
        run(fromMs: 0)
        #expect(pacing.inFlightMax == .max)
        for start in [20_000, 700_000] {
            pacing.setPaused(true, at: .at(ms: start))
            // The last ones come back slowly.
            answer(ms: start + 2000)
            answer(ms: start + 5000)
            pacing.setPaused(false, at: .at(ms: start + 600_000))
            run(fromMs: start + 600_000)
            #expect(pacing.inFlightMax == .max)
        }
    }

    /// A number of requests in flight that is tried is given up when people hold the run back.
    @Test func aPause_inATrial_keepsTheSums() {
        var feed = feed(PolitenessOptions().of(workers: 1000), workers: 1000)
        var jobs = feed.take(1000, at: .at(ms: 0))
        #expect(jobs.count == CrowdControl.inFlightMaxFirst)
        var ms = 0
        while jobs.count <= CrowdControl.inFlightMaxFirst, ms < 200 {
            ms += 10
            feed.finished(jobs, .ok, at: .at(ms: ms))
            jobs = feed.take(1000, at: .at(ms: ms))
        }
        #expect(jobs.count > CrowdControl.inFlightMaxFirst && feed.sumsHold)
        feed.setPaused(true, at: .at(ms: ms + 1))
        // There is room then, as much as the bound leaves.
        feed.finished(Array(jobs.prefix(100)), .ok, at: .at(ms: ms + 2))
        #expect(feed.sumsHold)
        feed.setPaused(false, at: .at(ms: ms + 3))
        #expect(feed.sumsHold)
        feed.finished(Array(jobs.dropFirst(100)), .ok, at: .at(ms: ms + 3))
        #expect(feed.take(1000, at: .at(ms: ms + 3)).count > 0 && feed.sumsHold)
    }

    /// The beginning is not over because nothing was sent in its time.
    @Test func aPause_inTheBeginning_letsNotAllWorkersIn() {
        let first = CrowdControl.inFlightMaxFirst
        var feed = feed(PolitenessOptions().of(workers: 1000), workers: 1000)
        let jobs = feed.take(1000, at: .at(ms: 0))
        feed.setPaused(true, at: .at(ms: 10))
        feed.finished(jobs, .ok, at: .at(ms: 20))
        _ = feed.need(at: .at(ms: 2000))
        feed.setPaused(false, at: .at(ms: 5000))
        #expect(feed.take(1000, at: .at(ms: 5000)).count == first)
        // Those are not back soon.
        _ = feed.need(at: .at(ms: 5100))
        #expect(feed.take(1000, at: .at(ms: 5100)).isEmpty)
        _ = feed.need(at: .at(ms: 5400))
        #expect(feed.take(1000, at: .at(ms: 5400)).count == 1000 && feed.sumsHold)
    }

    // MARK: - Doubt

    @Test func nothingGoesOut_whileTheHoldIsInDoubt_whateverPeopleAskFor() {
        var feed = feed()
        _ = feed.take(10, at: .at(ms: 0))
        #expect(feed.setInDoubt(true, at: .at(ms: 100)) && !feed.setInDoubt(true, at: .at(ms: 101)))
        feed.setPaused(true, at: .at(ms: 200))
        feed.setPaused(false, at: .at(ms: 300))
        #expect(feed.take(10, at: .at(ms: 400)).isEmpty && feed.startable == 0)
        #expect(feed.figures(attempts: [:], hostsMax: 1, at: .at(ms: 400)).phase == .running)
        _ = feed.need(at: .at(ms: 500))
        // It is told of, and ends the run after as long as an outage does.
        #expect(feed.stalledSinceMicros == 500_000)
        #expect(feed.figures(attempts: [:], hostsMax: 1, at: .at(ms: 501)).phase == .stalled)
        #expect(feed.outages.map(\.sinceMicros) == [100_000] && !feed.isWakeDue(at: .at(ms: 501)))
        feed.setInDoubt(false, at: .at(ms: 600))
        _ = feed.need(at: .at(ms: 601))
        #expect(feed.stalledSinceMicros == nil && feed.outages.isEmpty)
        #expect(feed.take(10, at: .at(ms: 602)).count == 10 && feed.sumsHold)
    }

    // MARK: - Limits

    @Test func fewerWorkers_takeJobsOnlyAsFarAsAskedFor_andAllAgain() {
        var feed = feed(workers: 20)
        var jobs = feed.take(20, at: .at(ms: 0))
        feed.keep(to: change { $0.workers = 5 }, at: .at(ms: 1))
        #expect(feed.take(5, at: .at(ms: 2)).isEmpty && feed.workersLeft == 0)
        #expect(feed.shortage(inFlightMax: .max) == .held)
        feed.finished(Array(jobs.prefix(17)), .ok, at: .at(ms: 3))
        jobs.removeFirst(17)
        #expect(feed.take(20, at: .at(ms: 4)).count == 2)
        // Two have ended on the loop that asks, and are not reported.
        var spans = SpanQueue()
        #expect(feed.take(4, into: &spans, at: .at(ms: 5), untold: 2) == 2)
        feed.keep(to: change { $0.workers = 1000 }, at: .at(ms: 6))
        #expect(feed.workersMax == nil && feed.take(13, at: .at(ms: 7)).count == 13)
        #expect(feed.sumsHold)
    }

    @Test func aRate_isSet_andLifted() {
        var feed = feed()
        #expect(feed.take(50, at: .at(ms: 0)).count == 50)
        feed.keep(to: change { $0.rate = .most(Rate(10, per: .seconds(1))) }, at: .at(ms: 1))
        #expect(feed.take(50, at: .at(ms: 1)).count == 1)
        #expect(feed.take(50, at: .at(ms: 50)).isEmpty)
        #expect(feed.take(50, at: .at(ms: 102)).count == 1)
        feed.keep(to: change { $0.rate = .most(Rate(1000, per: .seconds(1))) }, at: .at(ms: 103))
        #expect(feed.take(50, at: .at(ms: 113)).count >= 9)
        feed.keep(to: change { $0.rate = .lifted }, at: .at(ms: 114))
        #expect(feed.take(50, at: .at(ms: 114)).count == 50)
    }

    @Test func limitsOfHosts_areSet_andLifted() {
        var feed = feed()
        let jobs = feed.take(3, at: .at(ms: 0))
        feed.answered(jobs, at: .at(ms: 1))
        feed.keep(to: change { $0.perHost = .most(4) }, at: .at(ms: 2))
        #expect(feed.take(50, at: .at(ms: 2)).count == 4 && feed.sumsHold)
        feed.keep(to: change { $0.perHost = .lifted }, at: .at(ms: 3))
        #expect(feed.take(50, at: .at(ms: 3)).count == 50 && feed.sumsHold)
        feed.keep(to: change { $0.delay = .most(.seconds(10)) }, at: .at(ms: 4))
        #expect(feed.take(5, at: .at(ms: 4)).count == 1)
        #expect(feed.take(5, at: .at(ms: 4000)).isEmpty && feed.sumsHold)
        feed.keep(to: change { $0.delay = .lifted }, at: .at(ms: 4001))
        #expect(feed.take(5, at: .at(ms: 4001)).count == 5)
        feed.keep(to: change { $0.hostRate = .most(Rate(1, per: .seconds(1))) }, at: .at(ms: 4002))
        #expect(feed.take(5, at: .at(ms: 4002)).count == 1)
        feed.keep(to: change { $0.hostRate = .lifted }, at: .at(ms: 4003))
        #expect(feed.take(5, at: .at(ms: 4003)).count == 5 && feed.sumsHold)
    }

    /// A rule is more special than what is asked for all hosts.
    @Test func aRule_comesFirst() {
        var politeness = PolitenessOptions()
        politeness.rules = [HostLimitsRule(pattern: "*", limits: HostLimits(inFlightMax: 2))]
        var feed = feed(politeness)
        let first = feed.take(50, at: .at(ms: 0))
        feed.answered(first, at: .at(ms: 1))
        feed.keep(to: change { $0.perHost = .most(4) }, at: .at(ms: 2))
        #expect(feed.take(50, at: .at(ms: 2)).count == 2 && feed.sumsHold)
    }

    /// All that people asked for so far comes again with each further wish.
    @Test func aFurtherWish_leavesADelayItsTurn() {
        var feed = feed()
        feed.keep(to: change { $0.delay = .most(.seconds(10)) }, at: .at(ms: 0))
        #expect(feed.take(5, at: .at(ms: 0)).count == 1)
        let both = change {
            $0.delay = .most(.seconds(10))
            $0.workers = 5
        }
        feed.keep(to: both, at: .at(ms: 1))
        #expect(feed.take(5, at: .at(ms: 1)).isEmpty)
        #expect(feed.take(5, at: .at(ms: 15_001)).count == 1)
        // A shorter one does not wait for the end of a longer one.
        feed.keep(to: change { $0.delay = .most(.seconds(1)) }, at: .at(ms: 15_002))
        #expect(feed.take(5, at: .at(ms: 16_510)).count == 1 && feed.sumsHold)
    }

    /// What people ask of the run is no leave to ask a host more often than its robots.txt says.
    @Test(arguments: [LimitChange.Bound<Duration>.lifted, .most(.milliseconds(100))])
    func theDelayOfRobots_isKept_whateverIsAskedFor(delay: LimitChange.Bound<Duration>) {
        var feed = feed()
        let jobs = feed.take(5, at: .at(ms: 0))
        var turn = TurnReport()
        for job in jobs { turn.putBack(job, crawlDelayMicros: 10_000_000) }
        feed.ended(turn, at: .at(ms: 1))
        #expect(feed.take(5, at: .at(ms: 2)).isEmpty)
        feed.keep(to: change { $0.delay = delay }, at: .at(ms: 3))
        #expect(feed.take(5, at: .at(ms: 4)).isEmpty && feed.sumsHold)
        #expect(feed.take(5, at: .at(ms: 15_100)).count == 1)
        #expect(feed.take(5, at: .at(ms: 20_050)).isEmpty)
        // A longer one of the user's holds, and that of robots.txt once it is lifted.
        feed.keep(to: change { $0.delay = .most(.seconds(100)) }, at: .at(ms: 20_060))
        #expect(feed.take(5, at: .at(ms: 60_000)).count <= 1)
        #expect(feed.take(5, at: .at(ms: 75_000)).isEmpty)
        feed.keep(to: change { $0.delay = .lifted }, at: .at(ms: 75_001))
        #expect(feed.take(5, at: .at(ms: 90_100)).count == 1)
    }

    private func change(_ set: (inout LimitChange) -> Void) -> LimitChange {
        var change = LimitChange()
        set(&change)
        return change
    }
}
