import TestSupport
import Testing

@testable import JobStore
@testable import PostgresStore

/// The bytes of commits and segments, and what they do.
@Suite struct LogTests {
    @Test func body_survivesARoundTrip() throws {
        let seed = testSeed(for: "body_survivesARoundTrip")
        var random = SeededGenerator(seed: seed)
        for round in 0..<200 {
            let body = someBody(&random)
            #expect(try LogBody(body.bytes) == body, "seed \(seed), round \(round)")
        }
    }

    private func someBody(_ random: inout SeededGenerator) -> LogBody {
        var body = LogBody()
        for batch in Set(
            (0..<Int.random(in: 0...4, using: &random)).map { _ in
                Int.random(in: 1...1 << Int.random(in: 0...40, using: &random), using: &random)
            }
        ).sorted() {
            var position = 0
            for _ in 0..<Int.random(in: 1...300, using: &random) {
                // Now and then far apart: as far as a batch may reach.
                let far = Int.random(in: 0..<100, using: &random) == 0
                let gap = Int.random(in: 1...(far ? 1 << 54 : 40), using: &random)
                position += gap
                body.entries.append(
                    .init(batchID: batch, position: position, change: someChange(&random)))
            }
        }
        for id in 0..<Int.random(in: 0...2, using: &random) {
            body.files.append(
                OutputFile(
                    id: id + 1, name: "ré-\(id)", format: "jsonl",
                    bytes: .random(in: 0...Int.max, using: &random),
                    crc32: .random(in: 0...(.max), using: &random), records: 7,
                    isSealed: Bool.random(using: &random)))
        }
        return body
    }

    private func someChange(_ random: inout SeededGenerator) -> LogBody.Change {
        switch Int.random(in: 0..<4, using: &random) {
        case 0: .ended(.random(in: 1...255, using: &random))
        case 1:
            .waits(
                3,
                .init(
                    attempts: .random(in: 1...1000, using: &random),
                    waitMicros: .random(in: 0...3_600_000_000, using: &random),
                    isExcused: .random(using: &random)))
        case 2: .tried
        default: .putBack
        }
    }

    /// Whatever the bytes are: an error, or a body, and never a trap.
    @Test func body_ofAnyBytes_isReadOrRefused() {
        let seed = testSeed(for: "body_ofAnyBytes_isReadOrRefused")
        var random = SeededGenerator(seed: seed)
        var refused = 0
        for _ in 0..<3000 {
            var bytes = someBody(&random).bytes
            for _ in 0..<Int.random(in: 1...3, using: &random) {
                let index = Int.random(in: 0..<bytes.count, using: &random)
                switch Int.random(in: 0..<3, using: &random) {
                case 0: bytes[index] = .random(in: 0...255, using: &random)
                case 1: bytes.removeSubrange(index...)
                default: bytes.insert(0xFF, at: index)
                }
                if bytes.isEmpty { break }
            }
            if (try? LogBody(bytes)) == nil { refused += 1 }
        }
        #expect(refused > 1000, "seed \(seed)")
    }

    /// A hundred jobs out of a thousand in flight cost two bytes each, and a little.
    @Test func body_isSmall() {
        var random = SeededGenerator(seed: 1)
        let positions = (70_000_000..<70_001_000).shuffled(using: &random).prefix(100).sorted()
        let entries = positions.map {
            LogBody.Entry(batchID: 1, position: $0, change: .ended(5))
        }
        #expect(LogBody(entries: entries).bytes.count < 230)
    }

    @Test func segment_survivesARoundTrip_withItsRetries() throws {
        var tally = TallyChange()
        var segment = HeldSegment(
            batchID: 2, first: 4096, priority: 3, codes: [UInt8](repeating: 0, count: 4096))
        for position in stride(from: 4096, to: 8192, by: 7) {
            let wait = LogBody.Wait(
                attempts: position % 5 + 1, waitMicros: position, isExcused: position % 2 == 0)
            try segment.apply(.waits(9, wait), at: position, atMicros: 77, &tally)
            if position % 3 == 0 {
                try segment.apply(.tried, at: position, atMicros: 78, &tally)
            }
        }
        let retries = try HeldSegment.retries(in: segment.packedRetries, count: 4096)
        let again = HeldSegment(
            batchID: 2, first: 4096, priority: 3, codes: segment.codes, retries: retries)
        #expect(again == segment && segment.tried > 100)
        #expect(
            tally.all.map { $0.count } == [-retries.count, retries.count, segment.tried])
        #expect(throws: ByteReader.Malformed.self) {
            try HeldSegment.retries(in: segment.packedRetries?.dropLast(), count: 4096)
        }
    }

    /// A job is marked once, and a retry only by who tries it.
    @Test func segment_refusesWhatDoesNotFit() throws {
        var tally = TallyChange()
        var segment = HeldSegment(batchID: 1, first: 0, priority: 0, codes: [0, 0, 0])
        try segment.apply(.ended(5), at: 0, atMicros: 1, &tally)
        let before = segment
        for (change, position) in [
            (LogBody.Change.ended(5), 0), (.tried, 0), (.tried, 1), (.putBack, 1), (.ended(0), 1),
            (.ended(5), 3), (.ended(5), -1),
        ] {
            #expect(throws: HeldSegment.Misfit.self) {
                try segment.apply(change, at: position, atMicros: 1, &tally)
            }
        }
        #expect(segment == before)
    }

    /// A commit as a whole does what its changes do one by one.
    @Test func segments_changeAsAWhole_asOneByOne() throws {
        let seed = testSeed(for: "segments_changeAsAWhole_asOneByOne")
        var random = SeededGenerator(seed: seed)
        for _ in 0..<50 {
            // Two batches in segments of ten, not all of which are held.
            let firsts = (0..<20).filter { _ in Int.random(in: 0..<4, using: &random) > 0 }
            let segments = firsts.map {
                HeldSegment(
                    batchID: $0 % 2 + 1, first: $0 / 2 * 10, priority: 0,
                    codes: [UInt8](repeating: 0, count: 10))
            }
            let jobs = segments.flatMap { part in part.positions.map { (part.batchID, $0) } }
            let entries = jobs.shuffled(using: &random).prefix(jobs.count / 2)
                .sorted { $0 < $1 }.map {
                    LogBody.Entry(
                        batchID: $0.0, position: $0.1,
                        change: .ended(.random(in: 1...255, using: &random)))
                }
            var (whole, single) = (SegmentTable(segments), SegmentTable(segments))
            var (tally, expected) = (TallyChange(), TallyChange())
            let counted = whole.count(entries)
            let changed = try whole.change(entries, atMicros: 5, &tally)
            for entry in entries { try single.change(entry, atMicros: 5, &expected) }
            #expect(whole.all == single.all && tally == expected, "seed \(seed)")
            #expect(counted == expected && !expected.all.isEmpty, "seed \(seed)")
            #expect(changed == whole.all.filter { $0.todo < 10 }.map(\.place), "seed \(seed)")
        }
    }

    // MARK: - Retries

    @Test func retries_areTakenInTheirOrder_once() {
        let seed = testSeed(for: "retries_areTakenInTheirOrder_once")
        var random = SeededGenerator(seed: seed)
        var list = RetryList()
        var expected: Set<Int> = []
        var taken: [Int] = []
        var now = 0
        for position in 0..<2000 {
            let due = now + Int.random(in: 0...500, using: &random)
            list.add(.init(dueMicros: due, batchID: 1, position: position))
            expected.insert(position)
            guard position % 9 == 0 else { continue }
            now += 50
            let due9 = list.takeDue(at: now, limit: 20) { $0.position % 10 != 3 }
            #expect(due9.allSatisfy { $0.dueMicros <= now })
            taken += due9.map(\.position)
        }
        taken += list.takeDue(at: now + 1000, limit: .max) { $0.position % 10 != 3 }
            .map(\.position)
        #expect(Set(taken) == expected.filter { $0 % 10 != 3 }, "seed \(seed)")
        #expect(Set(taken).count == taken.count)
        #expect(list.nextDueMicros(at: now) { _ in true } == nil)
    }

    // MARK: - Runners

    @Test(arguments: [(1, 100), (250, 100), (500, 200), (1000, 400), (2500, 1000), (9999, 1000)])
    func commitInterval_risesWithTheFleet(_ runners: Int, _ millis: Int) {
        #expect(PostgresLease.commitInterval(runners: runners) == .milliseconds(millis))
    }

    @Test(arguments: [(1, 5), (50, 5), (100, 10), (200, 20), (9999, 20)])
    func looksAtProcesses_areFewer_inALargeFleet(_ runners: Int, _ seconds: Int) {
        #expect(PostgresQueue.gonePauseMicros(runners: runners) == seconds * 1_000_000)
    }

    private static let lease = 30_000_000

    @Test func watch_findsARunnerDead_onceItsHeartStoodStillForALease() {
        var watch = RunnerWatch()
        func look(_ now: Int, _ beats: [Int: Int], connectedSince: Int = 0) -> [Int] {
            watch.look(
                at: beats.map { ($0.key, $0.value) }, serverMicros: now + 5, monotonicMicros: now,
                connectedSinceMicros: connectedSince)
        }
        #expect(look(0, [1: 10, 2: 10]).isEmpty)
        #expect(look(Self.lease - 1, [1: 10, 2: 11]).isEmpty)
        #expect(look(Self.lease, [1: 10, 2: 11]) == [1])
    }

    /// The server was away for longer than a lease: all are old, and nobody is dead.
    @Test func watch_beginsAnew_afterABreak() {
        var watch = RunnerWatch()
        func look(_ now: Int, server: Int, connectedSince: Int) -> [Int] {
            watch.look(
                at: [(1, 10)], serverMicros: server, monotonicMicros: now,
                connectedSinceMicros: connectedSince)
        }
        #expect(look(0, server: 0, connectedSince: 0).isEmpty)
        #expect(look(40_000_000, server: 40_000_000, connectedSince: 39_000_000).isEmpty)
        // The server's clock jumped; this one's did not.
        #expect(look(41_000_000, server: 400_000_000, connectedSince: 39_000_000).isEmpty)
        #expect(look(69_999_999, server: 400_000_000, connectedSince: 39_000_000).isEmpty)
        #expect(look(70_000_000, server: 400_000_000, connectedSince: 39_000_000) == [1])
    }
}
