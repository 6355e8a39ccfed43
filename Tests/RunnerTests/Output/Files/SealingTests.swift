import Foundation
import JobStore
import StoreConformance
import TestSupport
import Testing

@testable import Runner

/// Files that are sealed by other bytes, and kills between the steps of that: the output is dropped
/// and opened again.
@Suite struct SealingTests {
    /// The step before which the output is dropped.
    enum Kill: CaseIterable {
        case duringSealing, beforeCommit, beforeRename, never
    }

    @Test(arguments: [Sealing.footer, .rewrite], Kill.allCases)
    func aFullFile_isSealed_whateverIsKilled(sealing: Sealing, kill: Kill) async throws {
        let bench = try await SealingBench(sealing)
        try await bench.write(rotateBytes: 1)
        try await bench.expectSound(records: 10)

        var broken = bench.format
        broken.isBroken = kill == .duringSealing
        try await bench.write(rotateBytes: 1, broken, until: kill)
        // In the middle of it, as it was left.
        #expect(bench.drafts.count == (sealing == .rewrite && kill != .never ? 1 : 0))
        try await bench.expectSound(records: kill == .beforeRename || kill == .never ? 20 : 10)

        try await bench.write(rotateBytes: 1)
        try await bench.expectSound(records: kill == .beforeRename || kill == .never ? 30 : 20)
        #expect(bench.drafts == [])
        for number in 1...2 { bench.expectSealed(number, records: 10) }
    }

    @Test(arguments: [Sealing.footer, .rewrite], Kill.allCases)
    func anOpenFile_isSealed_whenTheFormatChanges(sealing: Sealing, kill: Kill) async throws {
        let bench = try await SealingBench(sealing)
        try await bench.write(rotateBytes: 1 << 20)
        try await bench.write(rotateBytes: 1 << 20)
        try await bench.expectSound(records: 20)

        var broken = bench.format
        broken.isBroken = kill == .duringSealing
        if kill != .never {
            await #expect(throws: (any Error).self) {
                try await bench.open(rotateBytes: 1, broken, as: "jsonl", until: kill)
            }
            #expect(bench.drafts.count == (sealing == .rewrite ? 1 : 0))
            try await bench.expectSound(records: 20)
        }
        _ = try await bench.open(rotateBytes: 1, as: "jsonl")
        try await bench.expectSound(records: 20)
        #expect(bench.drafts == [])
        bench.expectSealed(1, records: 20)
    }

    /// The check looks while a run seals the file: after a question for the output was answered,
    /// which are for the folder, the files, and the file itself if sealing rewrites it.
    @Test(arguments: [Sealing.footer, .rewrite], [1, 2, 3, 4])
    func aFileSealedDuringACheck_isSound(sealing: Sealing, question: Int) async throws {
        for kill in [Kill.beforeRename, .never] {
            let bench = try await SealingBench(sealing)
            try await bench.write(rotateBytes: 1 << 20)
            let ledger = MovingLedger(
                bench.queue.queue,
                atOutput: [question: { try await bench.write(rotateBytes: 1, until: kill) }])
            let report = try await OutputAudit(
                ledger: ledger, formats: bench.formats
            ).run()
            #expect(report.isSound, "\(report.faults)")
            #expect(report.notes == [])
        }
    }

    @Test func aDraftOfNoFile_stopsNoRun() async throws {
        let bench = try await SealingBench(.rewrite)
        try await bench.write(rotateBytes: 1)
        TestSupport.write([1], to: bench.output + "/notes.sealing")
        try await bench.write(rotateBytes: 1)
        try await bench.expectSound(records: 20)
        #expect(contents(of: bench.output + "/notes.sealing") == [1])
    }

    @Test func anAddedFormat_isKnownByItsName() async throws {
        let bench = try await SealingBench(.footer)
        try await bench.write(rotateBytes: 1)
        let report = try await OutputAudit(ledger: bench.queue.queue).run()
        #expect(report.faults.first?.description.contains("the format 'footed', which") == true)
        let error = await #expect(throws: SinkError.self) {
            try await bench.open(rotateBytes: 1, as: nil, formats: .standard)
        }
        #expect(error?.description.contains("the format 'footed', which") == true)
        #expect(error?.remedy == .upgrade)
    }
}

/// A queue whose output is in a format of tests, ten jobs a commit.
private struct SealingBench {
    let folder = Folder()
    let queue: StoreClient
    let format: SealedLines

    var output: String { folder.file("out") }
    var formats: OutputFormats { Self.formats(format) }

    static func formats(_ format: SealedLines) -> OutputFormats {
        OutputFormats(OutputFormats.standard.all + [format])
    }

    init(_ sealing: Sealing) async throws {
        format = SealedLines(sealing: sealing)
        queue = StoreClient(
            to: try SQLiteQueue(path: folder.file("runner.db"), access: .create))
        _ = try await queue.enqueue(
            JobRange(first: 0, count: 10),
            request: RequestTemplate(parsing: "http://127.0.0.1/{id}"))
    }

    /// Opens the output as a new run does.
    func open(
        rotateBytes: Int, _ format: SealedLines? = nil, as name: String?,
        formats: OutputFormats? = nil, until kill: SealingTests.Kill = .never
    ) async throws -> OutputFiles {
        var options = OutputOptions()
        options.folder = output
        options.format = name
        options.formats = formats ?? Self.formats(format ?? self.format)
        options.rotateBytes = rotateBytes
        try await queue.attach(RunnerDescription(pid: 1, workers: 1))
        do {
            let sink = try await OutputFiles.open(
                options, for: KilledLease(lease: queue.lease, kill: kill), CrawlOptions())
            return try #require(sink)
        } catch {
            try await queue.detach()
            throw error
        }
    }

    /// Completes the ten jobs of a batch in a run of their own. The next ten are queued before.
    func write(
        rotateBytes: Int, _ format: SealedLines? = nil, until kill: SealingTests.Kill = .never
    ) async throws {
        let sink = try await open(rotateBytes: rotateBytes, format, as: self.format.name)
        try await write(to: sink, until: kill)
        try await queue.detach()
    }

    private func write(to sink: OutputFiles, until kill: SealingTests.Kill) async throws {
        let segments = try await queue.claim(jobs: 10)
        let segment = try #require(segments.first)
        var deposit = Deposit()
        var marks: [Mark] = []
        for position in segment.todo.flatMap({ $0 }) {
            let id = segment.batch.id(at: position)
            deposit.bytes += SealedLines.line(id, of: segment.batch.id)
            deposit.records += 1
            marks.append(
                Mark(batchID: segment.batch.id, position: position, attempt: 1, outcome: .ok))
        }
        #expect(deposit.records == 10)
        if kill == .duringSealing {
            await #expect(throws: SinkError.self) { try await sink.write([deposit]) }
            return
        }
        let files = try await sink.write([deposit])
        if kill == .beforeCommit { return }
        try await queue.commit(marks, files, heartbeat: Heartbeat(requestsPerSecond: 1))
        _ = try await queue.enqueue(
            JobRange(first: segment.batch.id(at: 0) + 10, count: 10),
            request: RequestTemplate(parsing: "http://127.0.0.1/{id}"))
        if kill == .beforeRename { return }
        try await sink.committed()
    }

    func expectSound(
        records: Int, sourceLocation: SourceLocation = #_sourceLocation
    ) async throws {
        let report = try await OutputAudit(ledger: queue.queue, formats: formats).run()
        #expect(report.isSound, "\(report.faults)", sourceLocation: sourceLocation)
        #expect(report.records == records, sourceLocation: sourceLocation)
    }

    var drafts: [String] {
        let names = try? FileManager.default.contentsOfDirectory(atPath: output)
        return (names ?? []).filter { $0.hasSuffix(".sealing") }
    }

    /// Checks the bytes of a file of which all jobs are known.
    func expectSealed(
        _ number: Int, records: Int, sourceLocation: SourceLocation = #_sourceLocation
    ) {
        let first = (number - 1) * 10
        let lines = (first..<first + records).flatMap { SealedLines.line($0, of: $0 / 10 + 1) }
        let seal = SealedLines.seal(records: records)
        let expected =
            format.sealing == .footer ? lines + seal : seal + SealedLines.changed(lines)
        let name = format.fileNames.name(of: number, isFirst: number == 1)
        #expect(contents(of: output + "/" + name) == expected, sourceLocation: sourceLocation)
    }
}

/// A lease whose process is killed before or after it keeps the output.
private struct KilledLease: RunnerLease {
    let lease: any RunnerLease
    let kill: SealingTests.Kill

    var attachment: JobStore.Attachment { lease.attachment }

    func keepOutput(
        _ settings: OutputSettings, _ files: [OutputFile]
    ) async throws(QueueError) {
        if kill == .beforeCommit { throw QueueError(.io, "killed") }
        try await lease.keepOutput(settings, files)
        if kill == .beforeRename { throw QueueError(.io, "killed") }
    }

    func claim(_ request: ClaimRequest) -> Claim {
        Claim(segments: [], next: .finished)
    }
    func claimRetries(limit: Int) -> RetryClaim { RetryClaim(jobs: [], nextDue: nil) }
    func commit(_ marks: [Mark], _ files: [OutputFile], heartbeat: Heartbeat) {}
    func handedOver(_ file: Int) {}
    func renew(_ heartbeat: Heartbeat) {}
    func steering() -> Steering { Steering() }
    func took(wish number: Int) {}
    func park(_ starts: [LedgerPlace], for wait: Duration) {}
    func detach() {}
    func abandon() {}
}
