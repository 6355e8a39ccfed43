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

    @Test func aBoard_hasWhatItsLoopsPostedLast() throws {
        let board = MeasureBoard()
        #expect(board.loops.isEmpty)
        let loops = [LoopMeasures(), LoopMeasures()]
        var posts = (0..<2).map { MeasurePost(loops[$0], to: board, loop: $0) }
        for (number, loop) in loops.enumerated() {
            #expect(posts[number].isDue(at: .at(ms: 1)))
            loop.ended(chunks(1)[0], wholeMicros: 1000, firstByteMicros: -1)
            posts[number].post(IdleTime(), at: .at(ms: 1))
            #expect(!posts[number].isDue(at: .at(ms: 250)))
            #expect(posts[number].isDue(at: .at(ms: 251)))
        }
        func sum() -> RunMeasures {
            RunMeasures(board.loops.map(\.figures), board.loops.map(\.idle), [])
        }
        #expect(sum().whole?.count == 2)
        // A loop's new figures take the place of its old ones.
        loops[1].ended(chunks(1)[0], wholeMicros: 9000, firstByteMicros: -1)
        loops[1].sums.pointee.requests.made = 3
        posts[1].post(IdleTime(), at: .at(ms: 2000))
        #expect(sum().whole?.count == 3 && sum().whole?.max == .milliseconds(9))
        #expect(sum().requests.made == 3 && sum().slowestHosts.isEmpty)
    }

    @Test func aBoard_hasTheTimesOfHostsThatAreAskedFor() throws {
        let board = MeasureBoard()
        let loop = LoopMeasures()
        let chunks = chunks(3)
        for chunk in chunks { loop.ended(chunk, wholeMicros: 1000, firstByteMicros: -1) }
        var post = MeasurePost(loop, to: board, loop: 0)
        board.hosts = [chunks[1].hostID, 999]
        post.post(IdleTime(), at: .at(ms: 1))
        let hosts = try #require(board.loops.first).figures.hosts
        #expect(Array(hosts.keys) == [chunks[1].hostID] && hosts.values.first?.count == 1)
    }

    @Test func aTextIsTakenFromTheBoardOnce() {
        let board = MeasureBoard()
        #expect(board.takeText() == nil)
        board.keep("old")
        board.keep("new")
        #expect(board.takeText() == "new" && board.takeText() == nil)
    }
}
