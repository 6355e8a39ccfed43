import JobStore
import Testing

@testable import Runner

@Suite struct MarkBufferTests {
    private static let limits = MarkBuffer.Limits(
        ageMicros: 100_000, leastAgeMicros: 20_000, jobs: 10, bytes: 1000, leastBytes: 100)
    private var buffer = MarkBuffer(limits: limits)

    @Test mutating func next_waitsForever_whileEmpty() {
        #expect(waits(buffer.next(at: .at(ms: 0)), until: nil))
        #expect(waits(buffer.next(at: .at(ms: 1_000_000)), until: nil))
    }

    @Test mutating func next_commits_whenTheOldestIsOldEnough() {
        _ = buffer.add(handover(0..<1, bytes: 0), at: .at(ms: 50))
        _ = buffer.add(handover(1..<3, bytes: 0), at: .at(ms: 140))
        #expect(waits(buffer.next(at: .at(ms: 149)), until: 150_000))
        #expect(committed(buffer.next(at: .at(ms: 150))) == [0, 1, 2])
        #expect(waits(buffer.next(at: .at(ms: 151)), until: nil))
    }

    @Test mutating func next_countsTheAgeAnew_afterACommit() {
        _ = buffer.add(handover(0..<10, bytes: 0), at: .at(ms: 0))
        #expect(committed(buffer.next(at: .at(ms: 0)))?.count == 10)
        _ = buffer.add(handover(10..<11, bytes: 0), at: .at(ms: 90))
        #expect(waits(buffer.next(at: .at(ms: 100)), until: 190_000))
    }

    @Test mutating func pace_isWhatTheStoreAsksFor() {
        buffer.pace(by: .milliseconds(500))
        _ = buffer.add(handover(0..<1, bytes: 0), at: .at(ms: 0))
        #expect(waits(buffer.next(at: .at(ms: 399)), until: 400_000))
        #expect(committed(buffer.next(at: .at(ms: 400))) == [0])
        buffer.pace(by: .milliseconds(1))
        _ = buffer.add(handover(1..<2, bytes: 0), at: .at(ms: 500))
        #expect(waits(buffer.next(at: .at(ms: 500)), until: 520_000))
    }

    @Test(arguments: [(0, 100), (30, 70), (80, 20), (95, 20), (5000, 20)])
    mutating func next_commitsEarlier_byWhatTheLastCommitTook(tookMillis: Int, waitMillis: Int) {
        buffer.committed(0, inMicros: tookMillis * 1000)
        _ = buffer.add(handover(0..<1, bytes: 0), at: .at(ms: 0))
        #expect(waits(buffer.next(at: .at(ms: waitMillis - 1)), until: waitMillis * 1000))
        #expect(committed(buffer.next(at: .at(ms: waitMillis))) == [0])
    }

    @Test mutating func next_commitsAtOnce_whenNothingElseIsOnItsWay() {
        let looks = [false, false, true, true].enumerated().map { index, isLast in
            buffer.add(handover(index..<index + 1, bytes: 0), at: .at(ms: 1), isLast: isLast)
        }
        #expect(looks == [true, false, true, false])
        #expect(committed(buffer.next(at: .at(ms: 1))) == [0, 1, 2, 3])
        _ = buffer.add(handover(4..<5, bytes: 0), at: .at(ms: 2))
        #expect(waits(buffer.next(at: .at(ms: 2)), until: 102_000))
    }

    @Test mutating func next_commitsAtOnce_whenSoManyJobsAreThere() {
        _ = buffer.add(handover(0..<9, bytes: 0), at: .at(ms: 0))
        #expect(waits(buffer.next(at: .at(ms: 0)), until: 100_000))
        _ = buffer.add(handover(9..<25, bytes: 0), at: .at(ms: 1))
        #expect(committed(buffer.next(at: .at(ms: 1))) == Array(0..<25))
    }

    @Test mutating func next_commitsAtOnce_whenSoManyBytesAreThere() {
        _ = buffer.add(handover(0..<1, bytes: 999), at: .at(ms: 0))
        #expect(waits(buffer.next(at: .at(ms: 0)), until: 100_000))
        _ = buffer.add(handover(1..<2, bytes: 1), at: .at(ms: 1))
        #expect(committed(buffer.next(at: .at(ms: 1))) == [0, 1])
        // The bytes went with them.
        _ = buffer.add(handover(2..<3, bytes: 999), at: .at(ms: 2))
        #expect(waits(buffer.next(at: .at(ms: 2)), until: 102_000))
    }

    @Test mutating func next_commitsALotOfBytes_inSeveralCommits() {
        for turn in 0..<5 {
            _ = buffer.add(handover(turn..<turn + 1, bytes: 900), at: .at(ms: 0))
        }
        // Each as soon as there are two commits' bytes in it.
        #expect(committed(buffer.next(at: .at(ms: 0))) == [0, 1, 2])
        #expect(committed(buffer.next(at: .at(ms: 0))) == [3, 4])
        #expect(waits(buffer.next(at: .at(ms: 0)), until: nil))
    }

    /// Commits take as long as they should, not what was in a turn.
    @Test(arguments: [
        (2000, 1000, 11), (2000, 200, 15), (2000, 50, 20), (1, 1000, 20), (200, 1000, 11),
    ])
    mutating func next_commitsFewerBytes_whereTheyTakeLong(
        bytes: Int, tookMillis: Int, parts: Int
    ) {
        buffer.committed(bytes, inMicros: tookMillis * 1000)
        for part in 0..<40 {
            _ = buffer.add(handover(part..<part + 1, bytes: 100), at: .at(ms: 0))
        }
        #expect(committed(buffer.next(at: .at(ms: 0)))?.count == parts)
        for _ in 0..<20 { buffer.committed(2000, inMicros: 10_000_000) }
        #expect(committed(buffer.next(at: .at(ms: 0)))?.count == 1)
    }

    @Test mutating func next_commitsTheRestAtOnce_andEnds_whenClosed() {
        _ = buffer.add(handover(0..<1, bytes: 0), at: .at(ms: 0))
        buffer.close()
        #expect(committed(buffer.next(at: .at(ms: 0))) == [0])
        guard case .ended = buffer.next(at: .at(ms: 0)) else {
            Issue.record("a closed and empty buffer has ended")
            return
        }
    }

    @Test mutating func add_callsForALook_whenFirstOrFull_andNotBetween() {
        #expect(buffer.add(handover(0..<1, bytes: 0), at: .at(ms: 0)) == true)
        #expect(buffer.add(handover(1..<9, bytes: 0), at: .at(ms: 1)) == false)
        #expect(buffer.add(handover(9..<10, bytes: 0), at: .at(ms: 2)) == true)
        #expect(buffer.add(handover(10..<11, bytes: 5000), at: .at(ms: 3)) == false)
        _ = buffer.next(at: .at(ms: 3))
        #expect(buffer.add(handover(0..<1, bytes: 0), at: .at(ms: 4)) == true)
        #expect(buffer.add(handover(1..<2, bytes: 1000), at: .at(ms: 5)) == true)
    }

    private func handover(_ positions: Range<Int>, bytes: Int) -> Handover {
        Handover(
            marks: positions.map { Job.sample($0).mark(.ok) },
            deposit: Deposit(bytes: [UInt8](repeating: 0, count: bytes)))
    }

    private func committed(_ next: MarkBuffer.Next) -> [Int]? {
        if case .commit(let handovers) = next {
            handovers.flatMap { $0.marks.map(\.position) }
        } else {
            nil
        }
    }

    private func waits(_ next: MarkBuffer.Next, until micros: Int?) -> Bool {
        if case .wait(micros) = next { true } else { false }
    }
}
