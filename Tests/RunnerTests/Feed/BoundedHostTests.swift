import JobStore
import TestSupport
import Testing

@testable import Runner

/// Hosts with a bound on requests in flight: of lists of several hosts.
@Suite struct BoundedHostTests {
    private static let list = JobList(
        count: 1_000_000,
        request: try! RequestTemplate(parsing: "{}", fields: [""]),  // a literal, and valid
        fields: LineFields([""]))
    private let batch = Batch(id: 1, source: .list(list))
    private let hosts = HostTable()

    /// A feed that claimed a block, of its own lane, for each host.
    ///
    /// - Parameter counts: The number of jobs of each host.
    private func feed(
        _ counts: KeyValuePairs<String, Int>, workers: Int = 1000, limits: JobFeed.Limits = .init(),
        _ politeness: PolitenessOptions = PolitenessOptions()
    ) throws -> JobFeed {
        var limits = limits
        limits.workers = workers
        var feed = JobFeed(limits: limits, politeness, retrying: 0)
        var first = 0
        for (lane, (host, count)) in counts.enumerated() {
            try claim(first..<first + count, of: host, lane: ListLane.sharedMax + lane, by: &feed)
            first += count
        }
        return feed
    }

    private func claim(
        _ positions: Range<Int>, of host: String, lane: Int, by feed: inout JobFeed
    ) throws {
        var builder = ListBlockBuilder()
        for position in positions {
            builder.beginLine(fields: 1)
            Array("http://\(host)/\(position)".utf8).withUnsafeBytes { builder.append($0) }
        }
        let block = builder.take(first: positions.lowerBound, lane: lane, ListPacker())
        let requests = try #require(try ListRequests(block, of: Self.list, .sample))
        let segment = Segment(batch: batch, todo: [positions], block: block)
        feed.add(
            Claim(segments: [segment], next: .now),
            RequestChunk.spans(
                of: requests, [positions], of: batch, hosts, attempt: 1, inFlightMax: 8),
            at: .at(ms: 0))
    }

    /// Takes up to `limit` jobs; the number of each host's.
    @discardableResult
    private func take(
        _ limit: Int = 1000, of feed: inout JobFeed, atMs ms: Int = 0,
        into jobs: inout [String: [Job]]
    ) -> [String: Int] {
        var counts: [String: Int] = [:]
        for job in feed.take(limit, at: .at(ms: ms)) {
            let host = String(job.chunk.host.key.text.dropFirst(7))
            jobs[host, default: []].append(job)
            counts[host, default: 0] += 1
        }
        #expect(feed.sumsHold)
        return counts
    }

    private func answer(
        _ count: Int = 1000, of host: String, _ jobs: inout [String: [Job]],
        by feed: inout JobFeed, atMs ms: Int
    ) {
        let some = Array(jobs[host, default: []].prefix(count))
        jobs[host]?.removeFirst(some.count)
        feed.answered(some, at: .at(ms: ms))
        feed.marked(some, .ok)
        #expect(feed.sumsHold)
    }

    @Test func aHost_isTriedWithOneJob_andThenHasItsBound() throws {
        var feed = try feed(["a": 20, "b": 20])
        var jobs: [String: [Job]] = [:]
        #expect(take(of: &feed, into: &jobs) == ["a": 1, "b": 1])
        #expect(take(of: &feed, into: &jobs) == [:])
        answer(of: "a", &jobs, by: &feed, atMs: 10)
        #expect(take(of: &feed, atMs: 10, into: &jobs) == ["a": 8])
        answer(3, of: "a", &jobs, by: &feed, atMs: 20)
        #expect(take(of: &feed, atMs: 20, into: &jobs) == ["a": 3])
    }

    /// Two hosts that took three seconds for their first job, and a quick one, of 48 workers.
    private func slowAndQuick(slowJobs: Int) throws -> (feed: JobFeed, jobs: [String: [Job]]) {
        var feed = try feed(["s1": slowJobs, "s2": slowJobs, "q": 1000], workers: 48)
        var jobs: [String: [Job]] = [:]
        take(of: &feed, into: &jobs)
        answer(of: "q", &jobs, by: &feed, atMs: 1)
        for host in ["s1", "s2"] { answer(of: host, &jobs, by: &feed, atMs: 3000) }
        return (feed, jobs)
    }

    @Test func slowHosts_getAnEighthOfTheWorkers_whileOthersHaveWork() throws {
        var (feed, jobs) = try slowAndQuick(slowJobs: 20)
        // Sixteen of theirs would keep all that are free.
        #expect(take(12, of: &feed, atMs: 3000, into: &jobs) == ["s1": 6, "q": 6])
        // With nothing else to do, in the queue either, they get all.
        feed.claimedNothing(at: .at(ms: 3001))
        answer(of: "q", &jobs, by: &feed, atMs: 3001)
        while let count = take(6, of: &feed, atMs: 3002, into: &jobs)["q"], count > 0 {
            answer(of: "q", &jobs, by: &feed, atMs: 3002)
        }
        #expect(jobs["s1"]!.count + jobs["s2"]!.count > 6)
    }

    /// Their own bound says when they are done.
    @Test func slowHostsWithManyJobs_getWhatTheyMay() throws {
        var (feed, jobs) = try slowAndQuick(slowJobs: 100)
        let second = take(20, of: &feed, atMs: 3000, into: &jobs)
        #expect(second == ["s1": 8, "s2": 8, "q": 4] && feed.sumsHold)
    }

    /// A delay that is over sooner is not the last look at the host.
    @Test(arguments: [0.1, 10])
    func aHostThatSaysNothing_isSlow_whateverItsDelay(seconds: Double) throws {
        var politeness = PolitenessOptions()
        politeness.limits.delay = .seconds(seconds)
        var feed = try feed(["a": 20], politeness)
        var jobs: [String: [Job]] = [:]
        #expect(take(of: &feed, into: &jobs) == ["a": 1])
        for ms in stride(from: 50, to: 3000, by: 50) { _ = feed.need(at: .at(ms: ms)) }
        #expect(feed.lanes.totals.slowInFlight == 1 && feed.open == 0 && feed.sumsHold)
    }

    @Test func hostsThatSayNothing_leaveAPartOfTheWorkersToTheQuick() throws {
        var feed = try feed(["q": 500], workers: 20)
        var jobs: [String: [Job]] = [:]
        take(of: &feed, into: &jobs)
        answer(of: "q", &jobs, by: &feed, atMs: 0)
        for number in 1...40 {
            try claim(number * 1000..<number * 1000 + 5, of: "s\(number)", lane: number, by: &feed)
        }
        let first = take(20, of: &feed, atMs: 1, into: &jobs)
        #expect(first["q"] == 8 && first.count == 13, "half, and what the quick one leaves")
        // They are slow by now, and more than half of the workers.
        answer(of: "q", &jobs, by: &feed, atMs: 2)
        let second = take(8, of: &feed, atMs: 3000, into: &jobs)
        #expect(second["q"] == 5 && second.values.reduce(0, +) == 8, "three quarters are taken")
        for host in first.keys where host != "q" {
            answer(of: host, &jobs, by: &feed, atMs: 3500)
        }
        let last = take(12, of: &feed, atMs: 3500, into: &jobs)
        let slow = first.keys.reduce(0) { $0 + ($1 == "q" ? 0 : last[$1] ?? 0) }
        #expect(slow == 2 && last.values.reduce(0, +) == 12)
    }

    @Test func aLaneWithEnoughJobs_isNotClaimedFrom() throws {
        var feed = try feed(["big": 4096])
        let own = ListLane(batchID: 1, number: ListLane.sharedMax)
        guard case .jobs(let before) = feed.need(at: .at(ms: 0)) else {
            Issue.record("no more is claimed")
            return
        }
        #expect(before.skippedLanes == [] && before.jobs > 8000)
        try claim(4096..<8192, of: "big", lane: ListLane.sharedMax, by: &feed)
        try claim(8192..<8300, of: "big", lane: ListLane.sharedMax, by: &feed)
        guard case .jobs(let after) = feed.need(at: .at(ms: 0)) else {
            Issue.record("what others have is not claimed")
            return
        }
        #expect(after.skippedLanes == [own])
        // That nothing came is not the end, and is asked again before long.
        feed.claimedNothing(at: .at(ms: 0))
        #expect(feed.need(at: .at(ms: 1)) == .wait(untilMicros: 50_000))
    }

    /// What is in flight of a block ends before the block goes back; what comes back of it meanwhile
    /// goes with it.
    @Test func aBlockOfASlowHost_isLetGo_andParkedOnceNothingIsInFlight() throws {
        var limits = JobFeed.Limits()
        limits.waitingBytes = 1000
        var feed = try feed(["slow": 100, "quick": 5], limits: limits)
        var jobs: [String: [Job]] = [:]
        take(of: &feed, into: &jobs)
        answer(of: "quick", &jobs, by: &feed, atMs: 1)
        answer(of: "slow", &jobs, by: &feed, atMs: 4000)
        #expect(take(8, of: &feed, atMs: 4000, into: &jobs)["slow"] == 8)
        guard case .jobs(let request) = feed.need(at: .at(ms: 4001)) else {
            Issue.record("nothing is claimed")
            return
        }
        #expect(
            request.skippedLanes == [ListLane(batchID: 1, number: ListLane.sharedMax)],
            "its lane rests")
        #expect(feed.ready == 4, "of the slow one nothing is ready any more")
        answer(7, of: "slow", &jobs, by: &feed, atMs: 5000)
        let rest = jobs["slow"]!
        feed.ended(.givenBack(rest), at: .at(ms: 5000))
        #expect(
            feed.need(at: .at(ms: 5000))
                == .park([OpenBlocks.ID(batch: 1, first: 0)], micros: 10_000_000))
        #expect(feed.ready == 4 && feed.sumsHold)
        // With nothing else to do, the rest of its lane is claimed, and not waited for.
        take(of: &feed, atMs: 5001, into: &jobs)
        answer(of: "quick", &jobs, by: &feed, atMs: 5002)
        guard case .jobs(let last) = feed.need(at: .at(ms: 5003)) else {
            Issue.record("nothing is claimed")
            return
        }
        #expect(last.skippedLanes == [])
    }

    @Test func aBlock_isLeftAloneForLonger_eachTimeItGoesBack() {
        var parked = ParkedBlocks()
        let ids = (0..<3).map { OpenBlocks.ID(batch: 1, first: $0) }
        #expect(parked.takeNext(firstMicros: 10) == nil)
        for id in ids { parked.add(id) }
        #expect(parked.takeNext(firstMicros: 10)?.ids == ids)
        parked.add(ids[1])
        parked.add(OpenBlocks.ID(batch: 1, first: 9))
        let again = parked.takeNext(firstMicros: 10)
        #expect(again?.ids == [ids[1]] && again?.micros == 20)
        let new = parked.takeNext(firstMicros: 10)
        #expect(new?.ids.map(\.first) == [9] && new?.micros == 10)
        #expect(parked.takeNext(firstMicros: 10) == nil)
    }

    @Test func aLane_restsUntilItsTime() {
        var parked = ParkedBlocks()
        let lane = ListLane(batchID: 1, number: 7)
        parked.rest(lane, untilMicros: 2_000_000)
        #expect(parked.lanes(at: .at(ms: 1999)) == [lane])
        #expect(parked.lanes(at: .at(ms: 2000)) == [])
    }

    /// A feed with jobs of "q", and 30 of each of `hosts` others, "s1" and on.
    private func feed(besides hosts: Int) throws -> JobFeed {
        var feed = try feed(["q": 4096], workers: 1000)
        for number in 1...hosts {
            let first = number * 10_000
            try claim(first..<first + 30, of: "s\(number)", lane: number, by: &feed)
        }
        return feed
    }

    /// Each host out of reach is tried when its own pause is over, however many others there are.
    @Test func hostsOutOfReach_areTried_eachInItsTime() throws {
        let hosts = 8
        var feed = try feed(besides: hosts)
        // Host N has failed twenty times, in turns of its own, at N * 100 ms.
        func name(_ job: Job) -> String { job.chunk.host.key.name }
        var held = [String: [Job]]()
        for job in feed.take(1000, at: .at(ms: 1)) where name(job) != "q" {
            held[name(job), default: []].append(job)
        }
        for number in 1...hosts {
            let ms = number * 100
            var jobs = try #require(held["s\(number)"])
            for _ in 0..<Breaker.threshold where !feed.tripped.contains(jobs[0].chunk.hostID) {
                feed.ended(.unreachable(jobs), at: .at(ms: ms))
                feed.marked(jobs, .ok)
                jobs = feed.take(1000, at: .at(ms: ms)).filter { name($0) == "s\(number)" }
                if jobs.isEmpty { break }
            }
            #expect(feed.tripped.count == number)
        }
        for number in 1...hosts {
            let due = 1000 + number * 100
            let early = feed.take(1000, at: .at(ms: due - 1)).filter { name($0) != "q" }
            #expect(early.isEmpty)
            let probes = feed.take(1000, at: .at(ms: due)).filter { name($0) != "q" }
            #expect(!probes.isEmpty && probes.allSatisfy { name($0) == "s\(number)" })
            feed.ended(.givenBack(probes, because: .reason(.connect)), at: .at(ms: due))
            #expect(feed.sumsHold)
        }
    }

    /// As many hosts out of reach are tried as may be: the others' jobs go out as fast as ever.
    @Test func thousandsOfHostsOutOfReach_takeNoTimeOfTheOthers() throws {
        let hosts = 1000
        var feed = try feed(besides: hosts)
        var ms = 0
        while feed.tripped.count < hosts, ms < 200 {
            ms += 1
            let jobs = feed.take(1000, at: .at(ms: ms))
            let dead = jobs.filter { $0.chunk.host.key.name != "q" }
            let well = jobs.filter { $0.chunk.host.key.name == "q" }
            feed.ended(.unreachable(dead), at: .at(ms: ms))
            feed.finished(well, .ok, at: .at(ms: ms))
            feed.marked(dead, .ok)
        }
        #expect(feed.tripped.count == hosts)
        ms += 2000
        // None of them says a word.
        let first = feed.take(1000, at: .at(ms: ms))
        let probes = first.filter { $0.chunk.host.key.name != "q" }
        #expect(probes.count == feed.limits.probes)
        feed.finished(first.filter { $0.chunk.host.key.name == "q" }, .ok, at: .at(ms: ms))
        let time = ContinuousClock().measure {
            for _ in 0..<1000 {
                ms += 1
                let jobs = feed.take(1, at: .at(ms: ms))
                #expect(jobs.first?.chunk.host.key.name == "q")
                feed.finished(jobs, .ok, at: .at(ms: ms))
            }
        }
        // To look at all of them each time would take several times as long, on any machine.
        #expect(time < .seconds(2), "\(time)")
        // One has failed, and the next one is tried.
        feed.ended(.givenBack([probes[0]], because: .reason(.connect)), at: .at(ms: ms))
        let next = feed.take(1000, at: .at(ms: ms)).filter { $0.chunk.host.key.name != "q" }
        #expect(next.count == 1 && feed.sumsHold)
    }
}
