import JobStore
import TestSupport
import Testing

@testable import Runner

/// Hosts that are out of reach, beside others that are not.
@Suite struct LaneTests {
    private static let hosts = (1...3).map {
        RequestChunk(.sample(id: $0, count: 100, url: "http://h\($0)/{id}"), .sample)
    }

    /// A feed that claimed all of some hosts' batches.
    private func feed(_ hosts: [RequestChunk] = hosts, limits: JobFeed.Limits = .init()) -> JobFeed
    {
        var feed = JobFeed(limits: limits, retrying: 0)
        for host in hosts {
            feed.claimed(
                [Segment(batch: .sample(id: host.batch.id, count: 100), todo: [0..<100])], of: host,
                at: .at(ms: 0))
        }
        return feed
    }

    private func take(_ count: Int, of feed: inout JobFeed, atMs ms: Int) -> [Job] {
        feed.take(count, at: .at(ms: ms))
    }

    @Test func aHostOutOfReach_waits_andTheOthersGoOn() {
        var feed = feed()
        let dead = take(20, of: &feed, atMs: 0)
        #expect(dead.allSatisfy { $0.batchID == 1 })
        feed.ended(.unreachable(dead), at: .at(ms: 0))
        #expect(feed.tripped == [Self.hosts[0].host.id] && feed.ready == 280)
        let hosts = Self.hosts.map(\.host)
        #expect(hosts[0].behaviour.contains(.isOutOfReach))
        #expect(!hosts[1].behaviour.contains(.isOutOfReach))
        #expect(feed.reach.lost == 1 && feed.reach.regained == 0)
        // Its own are not handed out until its pause is over; then a few are, before the others.
        #expect(take(10, of: &feed, atMs: 999).allSatisfy { $0.batchID == 2 })
        let probes = take(10, of: &feed, atMs: 1000)
        #expect(probes.filter { $0.batchID == 1 }.count == Breaker.probes)
        #expect(take(200, of: &feed, atMs: 1000).allSatisfy { $0.batchID != 1 })
        // One answer, and all of them are.
        feed.answered(probes, at: .at(ms: 1010))
        #expect(feed.tripped.isEmpty && !hosts[0].behaviour.contains(.isOutOfReach))
        #expect(feed.reach.lost == 1 && feed.reach.regained == 1)
        #expect(take(200, of: &feed, atMs: 1010).count == 76)
    }

    /// TLS that fails, in whatever way, is a host out of reach as one that refuses connections is.
    @Test func aHostWhoseTLSFails_waits_andWhatItTakesBack_isARefusal() {
        var feed = feed([Self.hosts[0]])
        let jobs = take(20, of: &feed, atMs: 0)
        var report = TurnReport()
        for job in jobs {
            report.add(Response(failure: .reason(.tls), message: "expired"), of: job)
            report.finish()
        }
        feed.ended(report, at: .at(ms: 0))
        #expect(feed.tripped == [Self.hosts[0].host.id])
        #expect(feed.outages.map(\.message) == ["expired"])

        var refused = TurnReport()
        for job in jobs.prefix(2) {
            refused.add(Response(failure: .reason(.reset), isTakenBack: true), of: job)
        }
        refused.add(Response(failure: .reason(.reset)), of: jobs[2])
        #expect(refused.refusals == 2 && refused.hosts[0].refused == 2)
        #expect(refused.hosts[0].cut == 1 && refused.hosts[0].wellAnswered == 0)
        #expect(refused.hosts[0].firstFailures == 2)
    }

    /// Loops that got fewer than they asked for are woken, though the host says nothing.
    @Test func aHostThatIsNew_getsFewAtFirst_andMoreInTime() {
        var politeness = PolitenessOptions()
        politeness.crowd = CrowdControl(inFlightMaxFirst: 4, workers: 100)
        var feed = JobFeed(politeness, retrying: 0)
        feed.claimed(
            [Segment(batch: .sample(id: 1, count: 100), todo: [0..<100])], of: Self.hosts[0],
            at: .at(ms: 0))
        let first = take(50, of: &feed, atMs: 0)
        #expect(first.map(\.cohort) == [1, 1, 1, 1] && take(1, of: &feed, atMs: 100).isEmpty)
        #expect(feed.isLookSooner(at: .at(ms: 100)))
        feed.claimedNothing(.after(.seconds(60)), at: .at(ms: 100))
        #expect(feed.need(at: .at(ms: 100)) == .wait(untilMicros: Now.at(ms: 250).monotonicMicros))
        #expect(!feed.isWakeDue(at: .at(ms: 100)))
        _ = feed.need(at: .at(ms: 250))
        #expect(feed.isWakeDue(at: .at(ms: 250)) && feed.sumsHold)
        #expect(take(50, of: &feed, atMs: 250).count == 50)
    }

    /// Those of an earlier cohort were judged.
    @Test func turn_countsTheLatestCohort() {
        var turn = TurnReport()
        for (cohort, status) in [(1, 200), (2, 200), (2, 503), (1, 200), (0, 200)]
            as [(UInt32, Int)]
        {
            var job = Job(chunk: Self.hosts[0], position: 0, attempt: 1)
            job.cohort = cohort
            turn.add(Response(status: status), of: job)
        }
        let share = turn.hosts[0].cohort
        #expect(share.number == 2 && share.count == 2 && share.answered == 1)
    }

    @Test func need_claimsPastABatchWhoseHostIsOutOfReach() {
        var feed = feed([Self.hosts[0]])
        feed.ended(.unreachable(take(20, of: &feed, atMs: 0)), at: .at(ms: 0))
        #expect(feed.need(at: .at(ms: 1)) == .jobs(ClaimRequest(jobs: 8192, skippedBatches: [1])))
    }

    @Test func batchesOfOneHost_shareItsLane_andPortsDoNot() {
        let hosts = HostTable()
        let chunk = { (url: String) in RequestChunk(.sample(id: 9, url: url), hosts) }
        let first = chunk("http://h/{id}")
        #expect(first.host === chunk("HTTP://u:p@H:80/x/{id}?y").host)
        #expect(first.host.id != chunk("https://h/{id}").host.id)
        #expect(first.host.id != chunk("http://h:8080/{id}").host.id)
        let many = [1, 2, 1].map { RequestChunk(.sample(id: $0, url: "http://{id}.h/"), hosts) }
        #expect(many[0].hostID != many[1].hostID && many[0].hostID == many[2].hostID)
    }

    @Test func probes_areFew_whileOthersHaveWork() {
        let dead = (1...50).map {
            RequestChunk(.sample(id: $0, count: 30, url: "http://d\($0)/{id}"), .sample)
        }
        var feed = JobFeed(limits: .init(probes: 5), retrying: 0)
        for host in dead {
            feed.claimed(
                [Segment(batch: .sample(id: host.batch.id, count: 30), todo: [0..<30])], of: host,
                at: .at(ms: 0))
        }
        for _ in dead { feed.ended(.unreachable(take(20, of: &feed, atMs: 0)), at: .at(ms: 0)) }
        #expect(feed.tripped.count == 50 && feed.ready == 500)
        feed.claimed(
            [Segment(batch: .sample(id: 99, count: 100), todo: [0..<100])],
            of: RequestChunk(.sample(id: 99, url: "http://well/{id}"), .sample), at: .at(ms: 0))
        let first = take(60, of: &feed, atMs: 1000)
        #expect(first.filter { $0.batchID != 99 }.count == 5 && first.count == 60)
        _ = take(45, of: &feed, atMs: 1000)
        // With nothing else to do, all that may be tried are.
        #expect(take(1000, of: &feed, atMs: 1200).count == 50 * 4 - 5)
    }

    @Test func aProbeThatIsDue_isNotLookedForAgainAndAgain_whileWorkersAreBusy() {
        var feed = feed(Array(Self.hosts[..<2]), limits: .init(ready: 10))
        feed.ended(.unreachable(take(20, of: &feed, atMs: 0)), at: .at(ms: 0))
        _ = take(1, of: &feed, atMs: 0)
        #expect(feed.need(at: .at(ms: 10)) == .wait(untilMicros: 1_000_000))
        #expect(!feed.isWakeDue(at: .at(ms: 999)) && feed.isWakeDue(at: .at(ms: 1000)))
        #expect(feed.need(at: .at(ms: 1000)) == .wait(untilMicros: nil))
        #expect(take(1, of: &feed, atMs: 5000).map(\.batchID) == [1])
    }

    @Test func aRetryThatComesDue_probesAHost_ofWhichNothingElseIsReady() {
        let host = RequestChunk(.sample(id: 1, count: 20, url: "http://h/{id}"), .sample)
        var feed = JobFeed(retrying: 0)
        let batch = Batch.sample(id: 1, count: 20)
        feed.claimed([Segment(batch: batch, todo: [0..<20])], of: host, at: .at(ms: 0))
        let jobs = take(20, of: &feed, atMs: 0)
        feed.ended(.unreachable(jobs), at: .at(ms: 0))
        feed.marked(jobs, .unavailable, wait: .seconds(5))
        // Its pause is over, and there is nothing to try it with.
        #expect(take(10, of: &feed, atMs: 1000).isEmpty)
        feed.add(
            RetryClaim(
                jobs: [DueRetry(batch: batch, position: 0, attempts: 1)], nextDue: nil),
            { _ in host }, at: .at(ms: 5000))
        #expect(feed.isWakeDue(at: .at(ms: 5000)))
        #expect(take(10, of: &feed, atMs: 5000).map(\.attempt) == [2])
    }

    @Test func need_isNotFinished_whenTheLastClaimLeftABatchOut() {
        var feed = feed([Self.hosts[0]])
        feed.ended(.unreachable(take(20, of: &feed, atMs: 0)), at: .at(ms: 0))
        #expect(
            feed.need(at: .at(ms: 1500)) == .jobs(ClaimRequest(jobs: 8192, skippedBatches: [1])))
        // While the queue is asked, the host comes back, and all that was ready ends.
        let jobs = take(4, of: &feed, atMs: 1500)
        feed.answered(jobs, at: .at(ms: 1500))
        let others = take(100, of: &feed, atMs: 1501)
        feed.answered(others, at: .at(ms: 1501))
        feed.marked(Array(repeating: others[0], count: 100), .ok)
        #expect(feed.ready == 0 && feed.inFlight == 0 && feed.unmarked == 0)
        feed.claimedNothing(at: .at(ms: 1502))
        // There may be more of its batch.
        #expect(feed.need(at: .at(ms: 1502)) == .jobs(ClaimRequest(jobs: 8192)))
        feed.claimedNothing(at: .at(ms: 1502))
        #expect(feed.need(at: .at(ms: 1502)) == .finished)
    }

    // MARK: - Stalls

    @Test func stalledSince_countsOnly_whileNothingElseCanBeDone() {
        var feed = feed(Array(Self.hosts[..<2]))
        feed.ended(.unreachable(take(20, of: &feed, atMs: 0)), at: .at(ms: 0))
        _ = feed.need(at: .at(ms: 10))
        #expect(feed.stalledSinceMicros == nil)
        let healthy = take(100, of: &feed, atMs: 20)
        _ = feed.need(at: .at(ms: 20))
        #expect(feed.stalledSinceMicros == nil, "the healthy are on their way")
        feed.answered(healthy, at: .at(ms: 30))
        feed.marked(healthy, .ok)
        feed.claimedNothing(at: .at(ms: 30))
        _ = feed.need(at: .at(ms: 40))
        #expect(feed.stalledSinceMicros == 40_000)
        // Probes of what is out of reach do not end it; an answer does.
        let probes = take(10, of: &feed, atMs: 1000)
        _ = feed.need(at: .at(ms: 1000))
        #expect(feed.stalledSinceMicros == 40_000)
        feed.answered(probes, at: .at(ms: 1001))
        _ = feed.need(at: .at(ms: 1001))
        #expect(feed.stalledSinceMicros == nil)
    }

    @Test func stalledSince_waitsForRetriesOfOthers() {
        var feed = feed(Array(Self.hosts[..<2]))
        let dead = take(20, of: &feed, atMs: 0)
        feed.ended(.unreachable(dead), at: .at(ms: 0))
        let healthy = take(100, of: &feed, atMs: 0)
        feed.answered(healthy, at: .at(ms: 0))
        feed.marked(healthy, .unavailable, wait: .seconds(60))
        _ = feed.need(at: .at(ms: 10))
        #expect(feed.stalledSinceMicros == nil, "retries wait in the queue")
    }

    @Test func troubles_nameEachHost_theLongestFirst() {
        var feed = feed()
        feed.ended(.unreachable(take(20, of: &feed, atMs: 0)), at: .at(ms: 5))
        feed.ended(.unreachable(take(20, of: &feed, atMs: 6)), at: .at(ms: 7))
        #expect(feed.outages.map(\.host) == ["http://h1", "http://h2"])
        #expect(feed.outages.map(\.sinceMicros) == [5000, 7000])
        #expect(feed.outages.allSatisfy { $0.message == "refused" && $0.machineTrouble == nil })
    }

    // MARK: - What is given back

    @Test func whatIsGivenBack_comesAfterTheOthers() throws {
        var feed = feed([Self.hosts[0]])
        let poison = take(1, of: &feed, atMs: 0)
        feed.ended(.givenBack(poison, because: .local(.system(12))), at: .at(ms: 0))
        let probes = take(100, of: &feed, atMs: 1000)
        #expect(probes.map(\.position) == [1, 2, 3, 4])
        feed.answered(probes, at: .at(ms: 1001))
        #expect(take(100, of: &feed, atMs: 1001).last?.position == 0)
    }

    @Test func whatThisMachineCannotDo_doesNotKeepTheProbesFromOtherHosts() {
        var feed = feed(Array(Self.hosts[..<2]))
        let jobs = take(94, of: &feed, atMs: 0)
        feed.answered(jobs, at: .at(ms: 0))
        // Six jobs are all that is left of the first host, more than are tried at a time.
        let poison = take(4, of: &feed, atMs: 0)
        #expect(poison.map(\.batchID) == [1, 1, 1, 1])
        feed.ended(.givenBack(poison, because: .local(.system(12))), at: .at(ms: 0))
        #expect(take(100, of: &feed, atMs: 1000).map(\.batchID) == [2, 2, 2, 2])
    }

    @Test func whetherThisMachineGoesOn_isTriedWithHostsInReach() {
        var feed = feed(Array(Self.hosts[..<2]))
        feed.ended(.unreachable(take(20, of: &feed, atMs: 0)), at: .at(ms: 0))
        feed.ended(
            .givenBack(take(1, of: &feed, atMs: 0), because: .local(.system(24))), at: .at(ms: 0))
        let probes = take(100, of: &feed, atMs: 1000)
        #expect(probes.map(\.batchID) == [2, 2, 2, 2])
        // Those who ask before these are told to have ended get nothing, and are to ask again.
        #expect(take(4, of: &feed, atMs: 1010).isEmpty && !feed.isWakeDue(at: .at(ms: 1010)))
        feed.ended(.givenBack(probes), at: .at(ms: 1010))
        #expect(feed.isWakeDue(at: .at(ms: 1010)))
    }

    @Test func aHostOutOfReach_isNotProbedAtOnce_whereThisMachineCouldNot() {
        var feed = feed(Array(Self.hosts[..<2]))
        feed.ended(.unreachable(take(20, of: &feed, atMs: 0)), at: .at(ms: 0))
        let probes = take(4, of: &feed, atMs: 1000)
        #expect(probes.map(\.batchID) == [1, 1, 1, 1])
        feed.ended(.givenBack(probes, because: .local(.system(12))), at: .at(ms: 1000))
        #expect(take(4, of: &feed, atMs: 2000).map(\.batchID) == [2, 2, 2, 2])
    }

    @Test func returns_countOnly_whenOthersWereAnsweredMeanwhile() throws {
        var feed = feed([Self.hosts[0]])
        let lane = Lane(
            host: HostTable.sample.host(HostKey(of: "http://h/")), at: .at(ms: 0))
        var job = try #require(take(1, of: &feed, atMs: 0).first)
        func giveBack(afterAnAnswer: Bool) {
            if afterAnAnswer {
                var turn = TurnReport()
                turn.add(Response(status: 200), of: job)
                for report in turn.hosts { lane.ended(report, at: .at(ms: 0)) }
            }
            lane.giveBack(job)
            var runs = SpanQueue()
            _ = lane.take(1, into: &runs, at: .at(ms: 0))
            job = runs.popFirst() ?? job
        }
        for _ in 0..<100 { giveBack(afterAnAnswer: false) }
        #expect(job.returns.count == 1 && !job.isLastReturn, "an outage costs nobody an attempt")
        for _ in 0..<Job.returnsMax { giveBack(afterAnAnswer: true) }
        #expect(job.isLastReturn)
    }
}
