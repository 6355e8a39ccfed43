import JobStore
import Stores
import Synchronization
import TestServer
import TestSupport
import Testing

@testable import runner_cli

/// The jobs of a host are counted by their lines, which takes its time: not for batches that nothing
/// is told of.
@Suite struct FailedCountTests {
    @Test func jobsOfAHost_areRead_ofCancelledBatchesAlone() async throws {
        let program = Program()
        let origin = try await Origin.start()
        for name in ["a", "b"] {
            let lines = (0..<3).map { "\(origin.url)/status/404/\(name)\($0)\n" }
            write(Array(lines.joined().utf8), to: program.folder.file(name))
            try await program.runner("enqueue", name, "--name", name).expectSuccess()
        }
        #expect(try await program.runner("run", "-q").status == 1)
        try await program.runner("cancel", "b").expectSuccess()
        let ledger = WatchedLedger(of: try openLedger(at: program.folder.file("runner.db")))
        var jobs = FailedJobs()
        jobs.host = HostPattern("127.0.0.1")
        let left = try await FailedCount(of: jobs, in: ledger, onlyCancelled: true)
        #expect(left.jobs == 0 && left.ofCancelled == 3)
        #expect(ledger.batchesRead == [2])
        let all = try await FailedCount(of: jobs, in: ledger)
        #expect(all.jobs == 3 && all.ofCancelled == 3)
        #expect(ledger.batchesRead == [1, 2])
        await ledger.close()
        await origin.stop()
    }
}

/// A ledger that knows whose jobs were looked at.
private final class WatchedLedger: JobLedger {
    private let ledger: any JobLedger
    private let read = Mutex<Set<Batch.ID>>([])

    init(of ledger: any JobLedger) { self.ledger = ledger }

    var batchesRead: Set<Batch.ID> { read.withLock { $0 } }

    func page(from place: LedgerPlace) async throws(QueueError) -> LedgerPage {
        _ = read.withLock { $0.insert(place.batchID) }
        return try await ledger.page(from: place)
    }

    var countsInterval: Duration { ledger.countsInterval }

    func counts(of batch: Batch.ID?) async throws(QueueError) -> QueueCounts {
        try await ledger.counts(of: batch)
    }

    func sites() async throws(QueueError) -> [Site] { try await ledger.sites() }

    func output(of site: Site) async throws(QueueError) -> QueueOutput {
        try await ledger.output(of: site)
    }

    func hostsHeldBack(limit: Int) async throws(QueueError) -> [HostPace] {
        try await ledger.hostsHeldBack(limit: limit)
    }
    func setting(_ name: String) async throws(QueueError) -> String? {
        try await ledger.setting(name)
    }

    func references(of batch: Batch.ID?) async throws(QueueError) -> [HeaderSource] {
        try await ledger.references(of: batch)
    }

    func batch(named name: String) async throws(QueueError) -> Batch? {
        try await ledger.batch(named: name)
    }

    func batches(from id: Batch.ID, limit: Int) async throws(QueueError) -> BatchPage {
        try await ledger.batches(from: id, limit: limit)
    }

    func unfinishedLists() async throws(QueueError) -> [UnfinishedList] {
        try await ledger.unfinishedLists()
    }

    func recordsSupersededMax(of batch: Batch.ID) async throws(QueueError) -> Int {
        try await ledger.recordsSupersededMax(of: batch)
    }

    func block(holding position: Int, of batch: Batch) async throws(QueueError) -> ListBlock {
        try await ledger.block(holding: position, of: batch)
    }

    func verify(from place: LedgerPlace) async throws(QueueError) -> VerifiedWindow {
        try await ledger.verify(from: place)
    }

    func close() async { await ledger.close() }
}
