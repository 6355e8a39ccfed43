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
}
