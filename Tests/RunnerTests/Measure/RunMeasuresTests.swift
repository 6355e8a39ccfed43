import JobStore
import Testing

@testable import Runner

@Suite struct RunMeasuresTests {
    /// The chunks of as many hosts, numbered from 0.
    private func chunks(_ count: Int) -> [RequestChunk] {
        let hosts = HostTable()
        return (0..<count).map { RequestChunk(.sample(id: $0, url: "http://h\($0)/{id}"), hosts) }
    }

    @Test func theSlowestHosts_areThoseWithTheLongestAttempts_ofAllLoops() {
        let loops = [LoopMeasures(), LoopMeasures()]
        let chunks = chunks(40)
        for (number, chunk) in chunks.enumerated() {
            for attempt in 0..<100 {
                // One attempt in twenty is no sign of a slow host.
                let micros = number == 0 && attempt < 5 ? 60_000_000 : 1000 * (number + 1)
                loops[attempt % 2].ended(chunk, wholeMicros: micros, firstByteMicros: micros / 2)
            }
        }
        let measures = RunMeasures(loops, [])
        #expect(
            measures.slowestHosts.map(\.name)
                == (30..<40).reversed().map { "http://h\($0)" })
        #expect(measures.slowestHosts.allSatisfy { $0.whole.count == 100 })
        #expect(measures.slowestHosts[1].firstByte?.max == .microseconds(19_500))
        #expect(measures.whole?.count == 4000 && measures.whole?.max == .seconds(60))
        #expect(measures.firstByte == nil && measures.connect == nil && measures.tls == nil)
    }

    @Test func ofVeryManyHosts_theSlowStay_inBoundedSpace() {
        let loop = LoopMeasures()
        let chunks = chunks(3 * HostMeasures.countMax)
        for (number, chunk) in chunks.enumerated() {
            let micros = number % 500 == 7 ? 9_000_000 + number : 1000
            loop.ended(chunk, wholeMicros: micros, firstByteMicros: -1)
        }
        #expect(loop.hosts.all.count == HostMeasures.countMax)
        let slow = RunMeasures([loop], []).slowestHosts
        #expect(slow.prefix(7).map(\.name) == (0..<7).reversed().map { "http://h\(500 * $0 + 7)" })
        #expect(slow.count == 10 && slow[7].whole.max == .milliseconds(1))
    }

    @Test func theTimeOfWorkers_isSplit() {
        let loop = LoopMeasures()
        loop.ended(chunks(1)[0], wholeMicros: 10_000_000, firstByteMicros: -1)
        loop.sums.pointee.connectingMicros = 2_000_000
        loop.sums.pointee.resolvingMicros = 1_000_000
        var idle = IdleTime()
        idle.note(waiting: 1, because: .held, at: .at(ms: 0))
        idle.note(waiting: 3, because: .queue, at: .at(ms: 100))
        idle.note(waiting: 2, because: .disk, at: .at(ms: 200))
        idle.note(waiting: 1, because: .noJob, at: .at(ms: 300))
        idle.note(waiting: 0, because: .held, at: .at(ms: 400))
        idle.note(waiting: 0, because: .held, at: .at(ms: 9000))
        let time = RunMeasures([loop, loop], [idle, idle]).workerTime
        #expect(time.server == .seconds(14))
        #expect(time.connecting == .seconds(4) && time.resolving == .seconds(2))
        #expect(time.held == .milliseconds(200) && time.queue == .milliseconds(600))
        #expect(time.disk == .milliseconds(400) && time.idle == .milliseconds(200))
    }

    // MARK: - While the run goes on

    @Test func aBoard_sumsUpWhatItsLoopsPostedLast() throws {
        let board = MeasureBoard()
        #expect(board.take() == nil)
        let loops = [LoopMeasures(), LoopMeasures()]
        var posts = (0..<2).map { MeasurePost(loops[$0], to: board, loop: $0) }
        for (number, loop) in loops.enumerated() {
            #expect(posts[number].isDue(at: .at(ms: 1)))
            loop.ended(chunks(1)[0], wholeMicros: 1000, firstByteMicros: -1)
            posts[number].post(IdleTime(), at: .at(ms: 1))
            #expect(!posts[number].isDue(at: .at(ms: 1000)))
            #expect(posts[number].isDue(at: .at(ms: 1001)))
        }
        #expect(try #require(board.take()).whole?.count == 2)
        #expect(board.take() == nil)
        // A loop's new figures take the place of its old ones.
        loops[1].ended(chunks(1)[0], wholeMicros: 9000, firstByteMicros: -1)
        loops[1].sums.pointee.requests.made = 3
        posts[1].post(IdleTime(), at: .at(ms: 2000))
        let sum = try #require(board.take())
        #expect(sum.whole?.count == 3 && sum.whole?.max == .milliseconds(9))
        #expect(sum.requests.made == 3 && sum.slowestHosts.isEmpty)
    }

    @Test func measuresInTheQueue_areReadAsTheyWere() throws {
        let loop = LoopMeasures()
        for micros in 1...1000 {
            loop.ended(chunks(1)[0], wholeMicros: micros * 100, firstByteMicros: -1)
            loop.firstByte.add(micros)
        }
        loop.tls.add(70_000)
        loop.sums.pointee.requests = .init(
            made: 1, retried: 2, refused: 3, redirects: 4, receivedBytes: 5)
        (loop.sums.pointee.connectingMicros, loop.sums.pointee.resolvingMicros) = (11, 12)
        var idle = IdleTime()
        for (ms, reason) in [(0, Shortage.held), (1, .queue), (3, .disk), (6, .noJob), (10, .held)]
        {
            idle.note(waiting: ms == 10 ? 0 : 1, because: reason, at: .at(ms: ms))
        }
        let measures = RunMeasures([loop], [idle])
        let kept = measures.kept
        #expect(kept.utf8.count < 1000, "\(kept)")
        let read = try #require(RunMeasures(kept: kept))
        #expect(read.kept == kept)
        #expect(read.requests == measures.requests)
        #expect(read.connect == nil && read.tls?.count == 1)
        for (one, other) in [
            (read.firstByte, measures.firstByte), (read.tls, measures.tls),
            (read.whole, measures.whole),
        ] {
            #expect(one?.count == other?.count && one?.p50 == other?.p50)
            #expect(one?.p90 == other?.p90 && one?.p99 == other?.p99 && one?.max == other?.max)
        }
        let (time, before) = (read.workerTime, measures.workerTime)
        #expect(time.server == before.server && time.connecting == .microseconds(11))
        #expect(time.resolving == .microseconds(12) && time.held == .milliseconds(1))
        #expect(time.queue == .milliseconds(2) && time.disk == .milliseconds(3))
        #expect(time.idle == .milliseconds(4))
        #expect(read.slowestHosts.isEmpty)
    }

    /// The text is in a file that anybody may have changed.
    @Test(arguments: [
        "", "{}", "{", "}", "{\"made\"}", "{\"made\":-1}", "{\"made\":1.5}", "{made:1}",
        "{\"made\":9223372036854775807}", "{\"made\":1:2}", "[\"made\":1]", "{\":1}",
    ])
    func otherText_isNoMeasures(text: String) {
        #expect(RunMeasures(kept: text) == nil)
    }
}
