import JobStore
import Testing

@testable import Runner

/// Hosts of lists that are out of reach: their jobs wait in the queue, not in memory.
@Suite struct ParkingTests {
    private let batch = Batch(
        id: 1,
        source: .list(
            JobList(
                count: 1_000_000,
                request: try! RequestTemplate(parsing: "{}", fields: [""]),  // a literal, and valid
                fields: LineFields([""]))))
    private let hosts = HostTable()

    /// A segment whose jobs go to the named hosts, in turn.
    private func segment(_ positions: Range<Int>, _ names: [String]) -> Segment {
        var builder = ListBlockBuilder()
        for position in positions {
            builder.beginLine(fields: 1)
            let url = "http://\(names[position % names.count])/\(position)"
            Array(url.utf8).withUnsafeBytes { builder.append($0) }
        }
        let block = builder.take(first: positions.lowerBound, lane: 0, ListPacker())
        return Segment(batch: batch, todo: [positions], block: block)
    }

    private func claim(_ segments: Segment..., by feed: inout JobFeed, atMs ms: Int = 0) throws {
        var spans: [JobSpan] = []
        for segment in segments {
            let block = try #require(segment.block)
            let requests = try #require(try ListRequests(block, of: list, .sample))
            spans += RequestChunk.spans(
                of: requests, segment.todo, of: batch, hosts, attempt: 1)
        }
        feed.add(Claim(segments: segments, next: .now), spans, at: .at(ms: ms))
    }

    private var list: JobList {
        guard case .list(let list) = batch.source else { preconditionFailure("it is a list") }
        return list
    }

    private func take(_ limit: Int, of feed: inout JobFeed, atMs ms: Int = 0) -> [Job] {
        var spans = SpanQueue()
        _ = feed.take(limit, into: &spans, at: .at(ms: ms))
        var jobs: [Job] = []
        while let job = spans.popFirst() { jobs.append(job) }
        return jobs
    }

    private var limits: JobFeed.Limits {
        var limits = JobFeed.Limits()
        limits.waitingOfLists = 30
        return limits
    }

    @Test func aDeadHost_doesNotKeepTheListFromBeingClaimed() throws {
        var feed = JobFeed(limits: limits, retrying: 0)
        try claim(segment(0..<40, ["dead"]), by: &feed)
        let tried = take(20, of: &feed)
        feed.ended(.unreachable(tried), at: .at(ms: 0))
        feed.marked(tried, .unavailable, wait: .seconds(100))
        // 20 are held: the list is claimed from, nonetheless.
        guard case .jobs(let request) = feed.need(at: .at(ms: 1)) else {
            Issue.record("no more is claimed")
            return
        }
        #expect(request.skippedBatches == [] && request.skippedLanes == [])
        #expect(feed.sumsHold)
    }

    @Test func blocksThatWait_areParked_onceThereAreMany() throws {
        var feed = JobFeed(limits: limits, retrying: 0)
        try claim(segment(0..<40, ["dead"]), segment(40..<60, ["dead", "well"]), by: &feed)
        var tried = take(60, of: &feed)
        let well = tried.filter { $0.position >= 40 && $0.position % 2 == 1 }
        tried.removeAll { job in well.contains { $0.position == job.position } }
        let failed = Array(tried.prefix(20))
        feed.ended(.unreachable(failed), at: .at(ms: 0))
        feed.marked(failed, .unavailable, wait: .seconds(100))
        feed.ended(.givenBack(Array(tried.dropFirst(20))), at: .at(ms: 0))
        // The healthy host's jobs are in flight: their block stays.
        guard case .park(let blocks, let micros) = feed.need(at: .at(ms: 1)) else {
            Issue.record("nothing is parked")
            return
        }
        #expect(blocks == [OpenBlocks.ID(batch: 1, first: 0)])
        #expect(micros == limits.parkMicros)
        #expect(feed.ready == 10 && feed.sumsHold)
        feed.ended(.answered(well), at: .at(ms: 2))
        feed.marked(well, .ok)
        #expect(take(60, of: &feed, atMs: 3).isEmpty)
    }

    /// A retry that comes back is held by itself: neither is it parked with its block, nor does it
    /// make the block look as if all that is left of it waited.
    @Test func aRetryThatIsGivenBack_isNotParked() throws {
        var feed = JobFeed(limits: limits, retrying: 0)
        try claim(segment(0..<60, ["dead", "well"]), by: &feed)
        let jobs = take(60, of: &feed)
        let (dead, well) = (
            jobs.filter { $0.position % 2 == 0 }, jobs.filter { $0.position % 2 == 1 }
        )
        // 29 of the healthy host's are answered, one goes on; of the dead one's, one waits for a retry.
        feed.ended(.answered(Array(well.dropLast())), at: .at(ms: 0))
        feed.marked(Array(well.dropLast()), .ok)
        let failed = Array(dead.prefix(20))
        feed.ended(.unreachable(failed), at: .at(ms: 0))
        feed.marked(failed, .unavailable, wait: .seconds(100))
        feed.ended(.givenBack(Array(dead.dropFirst(20))), at: .at(ms: 0))
        let retry = Job(
            chunk: failed[0].chunk, position: failed[0].position, attempt: 2)
        feed.add(
            RetryClaim(
                jobs: [DueRetry(batch: batch, position: retry.position, attempts: 1)], nextDue: nil),
            [JobSpan(chunk: retry.chunk, first: retry.position, count: 1, attempt: 2)],
            at: .at(ms: 1))
        let probes = take(5, of: &feed, atMs: 1500)
        #expect(probes.first?.attempt == 2)
        feed.ended(.givenBack(probes), at: .at(ms: 1500))
        #expect(feed.sumsHold)
        guard case .park = feed.need(at: .at(ms: 2000)) else { return }
        Issue.record("a block with a request in flight was parked")
    }

    /// However few jobs of each block wait: it is the whole block that takes memory.
    @Test func blocksInMemory_areBounded_byTheirBytes() throws {
        var limits = JobFeed.Limits()
        limits.blockBytes = 600
        var feed = JobFeed(limits: limits, retrying: 0)
        try claim(segment(0..<10, ["dead"]), by: &feed)
        guard case .jobs = feed.need(at: .at(ms: 0)) else {
            Issue.record("no more is claimed")
            return
        }
        try claim(segment(10..<60, ["dead"]), by: &feed)
        let jobs = take(60, of: &feed)
        guard case .wait = feed.need(at: .at(ms: 1)) else {
            Issue.record("more is claimed")
            return
        }
        feed.ended(.answered(jobs), at: .at(ms: 2))
        feed.marked(jobs, .ok)
        guard case .jobs = feed.need(at: .at(ms: 2)) else {
            Issue.record("no more is claimed once the blocks are done")
            return
        }
    }

    /// Jobs that were put back while the run held their block may be claimed before it hears that the
    /// marks of the others are in the queue.
    @Test func aBlockThatIsClaimedAgain_isOne_andGoesBackAsOne() throws {
        var blocks = OpenBlocks(sparseBytes: .max)
        let id = OpenBlocks.ID(batch: 1, first: 0)
        let whole = segment(0..<10, ["h"])
        let again = Segment(batch: batch, todo: [0..<5], block: whole.block)
        blocks.add(whole)
        for position in 0..<7 { #expect(blocks.leave(position, of: 1) == nil) }
        let byteCount = blocks.byteCount
        blocks.add(again)
        #expect(blocks.byteCount == 2 * byteCount && blocks.stayingByteCount == 2 * byteCount)
        #expect(blocks.letGo(of: id, jobs: 5) == nil, "three of the first claim are in flight")
        for position in 7..<9 { #expect(blocks.leave(position, of: 1) == nil) }
        #expect(blocks.leave(9, of: 1) == id)
        #expect(blocks.block(of: 0, 1) == nil)
        #expect(blocks.byteCount == 0 && blocks.stayingByteCount == 0)
        // One that was leaving stays, with what came.
        blocks.add(whole)
        #expect(blocks.letGo(of: id, jobs: 9) == nil && blocks.stayingByteCount == 0)
        blocks.add(again)
        #expect(!blocks.isLeaving(0, of: 1) && blocks.stayingByteCount == 2 * byteCount)
        for position in [9, 0, 1, 2, 3, 4] { #expect(blocks.leave(position, of: 1) == nil) }
        #expect(blocks.byteCount == 0 && blocks.stayingByteCount == 0)
    }

    @Test func openBlocks_countTheirValidators() throws {
        let plain = segment(0..<10, ["h"])
        let tag = [0x22] + [UInt8](repeating: 0x61, count: 200) + [0x22]
        let validators = JobValidators(
            (0..<10).map { ($0, Validators(entityTag: tag, lastModifiedSeconds: nil)!) })
        var (blocks, asking) = (OpenBlocks(sparseBytes: .max), OpenBlocks(sparseBytes: .max))
        blocks.add(plain)
        asking.add(
            Segment(batch: batch, todo: plain.todo, block: plain.block, validators: validators))
        #expect(validators.byteCount > 2000)
        #expect(asking.byteCount == blocks.byteCount + validators.byteCount)
        #expect(asking.stayingByteCount == asking.byteCount)
        for position in 0..<10 { #expect(asking.leave(position, of: 1) == nil) }
        #expect(asking.byteCount == 0)
    }

    @Test func openBlocks_countWhatIsLeft() {
        var blocks = OpenBlocks(sparseBytes: .max)
        for first in [200, 0, 100] { blocks.add(segment(first..<first + 10, ["h"])) }
        #expect(blocks.byteCount > 300)
        #expect(blocks.block(of: 105, 1) == OpenBlocks.ID(batch: 1, first: 100))
        #expect(blocks.block(of: 110, 1) == nil && blocks.block(of: 5, 2) == nil)
        for position in 100..<110 { #expect(blocks.leave(position, of: 1) == nil) }
        #expect(blocks.block(of: 100, 1) == nil && blocks.block(of: 0, 1)?.first == 0)
        // One goes back once nothing of it is in flight.
        let id = OpenBlocks.ID(batch: 1, first: 0)
        #expect(blocks.letGo(of: id, jobs: 8) == nil && blocks.isLeaving(3, of: 1))
        #expect(blocks.leave(3, of: 1) == nil && blocks.leave(4, of: 1) == id)
        #expect(blocks.block(of: 0, 1) == nil && !blocks.isLeaving(3, of: 1))
        let last = OpenBlocks.ID(batch: 1, first: 200)
        #expect(blocks.letGo(of: last, jobs: 10) == last && blocks.byteCount == 0)
    }

    /// As long as one job of a block waits for its host, the block stays: but not the lines of the
    /// others.
    @Test func linesOfEndedJobs_areForgotten_onceMostHaveEnded() throws {
        let segment = segment(0..<40, ["h"])
        let block = try #require(segment.block)
        let requests = try #require(try ListRequests(block, of: list, .sample))
        var blocks = OpenBlocks(sparseBytes: 0)
        blocks.add(segment)
        blocks.read(requests, with: 0, of: 1)
        let byteCount = blocks.byteCount
        for position in 0..<29 { #expect(blocks.leave(position, of: 1) == nil) }
        #expect(blocks.byteCount == byteCount, "copying has a price")
        #expect(blocks.leave(30, of: 1) == nil)
        #expect(blocks.byteCount < byteCount / 3 && blocks.byteCount == blocks.stayingByteCount)
        #expect(blocks.byteCount == requests.byteCount)
        #expect(requests.url(at: 29) == Array("http://h/29".utf8)[...])
        // Not twice for the same lines, and to the end.
        let fewer = blocks.byteCount
        for position in 31..<38 { #expect(blocks.leave(position, of: 1) == nil) }
        #expect(blocks.byteCount == fewer)
        #expect(blocks.leave(38, of: 1) == nil && blocks.byteCount < fewer)
        for position in [29, 39] { #expect(blocks.leave(position, of: 1) == nil) }
        #expect(blocks.byteCount == 0 && blocks.stayingByteCount == 0)
    }

    /// The marks of the first claim may be told after the second: they are not of its jobs.
    @Test func aBlockThatIsClaimedAgain_keepsItsLines() throws {
        let whole = segment(0..<40, ["h"])
        let again = Segment(batch: batch, todo: [0..<5], block: whole.block)
        var blocks = OpenBlocks(sparseBytes: 0)
        let block = try #require(whole.block)
        let (first, second) = (
            try #require(try ListRequests(block, of: list, .sample)),
            try #require(try ListRequests(block, of: list, .sample))
        )
        blocks.add(whole)
        blocks.read(first, with: 0, of: 1)
        for position in 5..<20 { #expect(blocks.leave(position, of: 1) == nil) }
        blocks.add(again)
        blocks.read(second, with: 0, of: 1)
        for position in Array(20..<40) + Array(0..<5) {
            #expect(blocks.leave(position, of: 1) == nil)
        }
        #expect(second.url(at: 3) == Array("http://h/3".utf8)[...])
        #expect(blocks.block(of: 0, 1) != nil, "five are to be done")
    }

    /// What is in flight of a block that goes back keeps its own lines in memory, not the block's.
    @Test func aBlockThatLeaves_keepsTheLinesOfWhatIsInFlight() throws {
        var limits = limits
        limits.sparseBytes = 0
        var feed = JobFeed(limits: limits, retrying: 0)
        let segment = segment(0..<60, ["dead"])
        let block = try #require(segment.block)
        let requests = try #require(try ListRequests(block, of: list, .sample))
        let spans = RequestChunk.spans(
            of: requests, segment.todo, of: batch, hosts, attempt: 1)
        feed.add(Claim(segments: [segment], next: .now), spans, at: .at(ms: 0))
        let tried = take(22, of: &feed)
        let failed = Array(tried.prefix(20))
        feed.ended(.unreachable(failed), at: .at(ms: 0))
        feed.marked(failed, .unavailable, wait: .seconds(100))
        _ = feed.need(at: .at(ms: 1))
        #expect(feed.ready == 0 && feed.inFlight == 2)
        #expect(requests.byteCount < block.plainByteCount / 10, "two of sixty")
        #expect(requests.url(at: 20) == Array("http://dead/20".utf8)[...])
        let rest = Array(tried.suffix(2))
        feed.ended(.givenBack(rest), at: .at(ms: 2))
        guard case .park(let blocks, _) = feed.need(at: .at(ms: 3)) else {
            Issue.record("nothing is parked")
            return
        }
        #expect(blocks == [OpenBlocks.ID(batch: 1, first: 0)])
    }

    /// A queue may cut a block anew between two claims: then nothing of it is forgotten.
    @Test func linesOfAnotherBlock_areNotForgotten() throws {
        let whole = segment(0..<40, ["h"])
        let other = try #require(segment(10..<40, ["h"]).block)
        let requests = try #require(try ListRequests(other, of: list, .sample))
        var blocks = OpenBlocks(sparseBytes: 0)
        blocks.add(whole)
        blocks.read(requests, with: 10, of: 1)
        for position in 0..<39 { #expect(blocks.leave(position, of: 1) == nil) }
        #expect(requests.url(at: 15) == Array("http://h/15".utf8)[...])
    }

    /// A segment of which most was done before takes the memory of what is left.
    @Test func theLastJobsOfABlock_takeNoMoreThanTheirLines() throws {
        var limits = JobFeed.Limits()
        limits.sparseBytes = 0
        limits.blockBytes = 200
        var feed = JobFeed(limits: limits, retrying: 0)
        let whole = segment(0..<100, ["slow"])
        try claim(Segment(batch: batch, todo: [30..<32], block: whole.block), by: &feed)
        guard case .jobs = feed.need(at: .at(ms: 0)) else {
            Issue.record("no more is claimed")
            return
        }
        let urls = take(2, of: &feed).map { job in
            var url: [UInt8] = []
            job.request.appendURL(to: &url)
            return String(decoding: url, as: UTF8.self)
        }
        #expect(urls == ["http://slow/30", "http://slow/31"])
    }
}
