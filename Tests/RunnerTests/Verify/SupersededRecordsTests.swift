import JobStore
import StoreConformance
import TestSupport
import Testing

@testable import Runner

/// Records of failures that later records supersede, since their jobs were put back.
@Suite struct SupersededRecordsTests {
    /// Ten jobs of which the last five failed, with records of both.
    private func sample() async throws -> (AuditSample, [UInt8]) {
        let sample = try await AuditSample(jobs: 10)
        let bytes =
            AuditSample.lines(0..<5)
            + (5..<10).flatMap { AuditSample.line($0, state: "failed") }
        try await sample.keep([])
        try await sample.commit(0..<5, failed: 5..<10, [sample.file(bytes, records: 10)])
        return (sample, bytes)
    }

    /// Puts failed jobs back.
    private func putBack(_ ids: Range<Int>, of sample: AuditSample) async throws {
        var jobs = FailedJobs()
        jobs.ids = ids
        #expect(try await sample.queue.queue.putBack(jobs) == ids.count)
    }

    @Test func records_ofJobsThatWerePutBack_areSuperseded() async throws {
        let (sample, bytes) = try await sample()
        try await putBack(5..<8, of: sample)
        // Before they are fetched again, too.
        let between = try await OutputAudit(ledger: sample.queue.queue).run()
        #expect(between.faults.map(\.description) == [] && between.superseded == 3)
        let more = AuditSample.lines(5..<7) + AuditSample.line(7, state: "failed")
        try await sample.commit(5..<7, failed: [7], [sample.file(bytes + more, records: 13)])
        try await putBack(7..<8, of: sample)
        let last = more + AuditSample.line(7)
        try await sample.commit([7], [sample.file(bytes + last, records: 14)])
        let report = try await sample.audit()
        #expect(report.faults.map(\.description) == [])
        #expect(report.records == 14 && report.superseded == 4)
    }

    @Test func records_ofMoreFailuresThanWerePutBack_areAFault() async throws {
        let (sample, bytes) = try await sample()
        try await putBack(5..<7, of: sample)
        let more =
            AuditSample.lines(5..<7)
            + (8..<10).flatMap { AuditSample.line($0, state: "failed") }
        try await sample.commit(5..<7, [sample.file(bytes + more, records: 14)])
        let report = try await sample.audit()
        #expect(report.superseded == 2)
        #expect(report.faults.count == 1)
        #expect(
            report.faults.first?.description
                == "jobs with more than one record (2 too many): batch 1: 8, 9 in responses-00001.jsonl"
        )
    }

    @Test func aFailure_behindTheCompletedRecord_isAFault() async throws {
        let (sample, bytes) = try await sample()
        try await putBack(5..<7, of: sample)
        let more = AuditSample.lines(5..<7) + AuditSample.line(5, state: "failed")
        try await sample.commit(5..<7, [sample.file(bytes + more, records: 13)])
        let report = try await sample.audit()
        #expect(report.faults.count == 1)
        #expect(report.faults.first?.description.contains("(1): batch 1: 5 in") == true)
    }

    @Test func aJobCompletedTwice_isAFault_thoughItWasPutBack() async throws {
        let (sample, bytes) = try await sample()
        try await putBack(5..<10, of: sample)
        let more = AuditSample.lines([5, 6, 7, 8, 9, 5])
        try await sample.commit(5..<10, [sample.file(bytes + more, records: 16)])
        let report = try await sample.audit()
        #expect(report.superseded == 5 && report.faults.count == 1)
        #expect(report.faults.first?.description.contains("(1 too many): batch 1: 5 in") == true)
    }
}
