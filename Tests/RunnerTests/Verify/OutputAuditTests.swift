import Glibc
import JobStore
import StoreConformance
import TestSupport
import Testing

@testable import Runner

/// Each fault there can be, made by hand, and found.
@Suite struct OutputAuditTests {
    /// Checks that there are just the faults that hold these texts, in this order.
    private func expect(
        _ report: AuditReport, faults: String..., sourceLocation: SourceLocation = #_sourceLocation
    ) {
        let found = report.faults.map(\.description)
        #expect(found.count == faults.count, "\(found)", sourceLocation: sourceLocation)
        for (fault, text) in zip(found, faults) {
            #expect(fault.contains(text), sourceLocation: sourceLocation)
        }
    }

    /// Ten jobs, all completed, with these bytes as their output.
    private func sample(
        _ bytes: [UInt8], records: Int = 10, completed: Range<Int> = 0..<10,
        format: String = "jsonl"
    ) async throws -> AuditSample {
        let sample = try await AuditSample(jobs: 10, format: format)
        try await sample.keep([])
        try await sample.commit(completed, [sample.file(bytes, records: records)])
        return sample
    }

    // MARK: - Sound

    @Test func audit_findsASoundOutputSound() async throws {
        let sample = try await AuditSample(jobs: 100_000, first: 5)
        let half = AuditSample.lines(5..<70_000)
        let rest = AuditSample.lines(70_000..<100_005)
        try await sample.keep([])
        try await sample.commit(
            5..<100_005,
            [
                sample.file(half, records: 69_995, isSealed: true),
                sample.file(rest, id: 2, records: 30_005),
            ])
        let report = try await sample.audit()
        expect(report)
        #expect(report.isSound && report.notes == [])
        #expect(report.files == 2 && report.records == 100_000)
        #expect(report.bytes == half.count + rest.count)
    }

    /// After the last file was sealed, the next is recorded, and made with its first record.
    @Test func audit_countsNoFile_thatIsNotMadeYet() async throws {
        let sample = try await AuditSample(jobs: 10)
        try await sample.keep([])
        let file = sample.file(AuditSample.lines(0..<10), records: 10, isSealed: true)
        let next = OutputFile(id: 2, name: "responses-00002.jsonl", format: "jsonl")
        try await sample.commit(0..<10, [file, next])
        let report = try await sample.audit()
        expect(report)
        #expect(report.files == 1 && report.records == 10)
    }

    @Test func audit_findsAnyOrderSound() async throws {
        let sample = try await AuditSample(jobs: 140_000)
        try await sample.enqueue(10, first: 139_000)
        try await sample.keep([])
        let bytes =
            AuditSample.lines((0..<140_000).shuffled())
            + (139_000..<139_010).flatMap { AuditSample.line($0, batch: 2) }
        try await sample.commit(0..<140_000, [sample.file(bytes, records: 140_010)])
        expect(try await sample.audit())
    }

    @Test func audit_findsAQueueWithoutOutputSound() async throws {
        let sample = try await AuditSample(jobs: 10)
        try await sample.commit(0..<10, [])
        let report = try await sample.audit()
        expect(report)
        #expect(!report.hasOutput && report.notes.count == 1)
    }

    @Test func audit_findsANewOutputSound_beforeItsFileIsMade() async throws {
        let sample = try await AuditSample(jobs: 10)
        try await sample.keep([OutputFile(id: 1, name: "responses-00001.jsonl", format: "jsonl")])
        expect(try await sample.audit())
        #expect(rmdir(sample.output) == 0)
        expect(try await OutputAudit(ledger: sample.queue.queue).run())
    }

    @Test func audit_leavesWhatWasNeverMarkedAlone() async throws {
        let sample = try await sample(AuditSample.lines(0..<10))
        write(
            AuditSample.lines(0..<10) + AuditSample.line(3) + Array("{\"id\":4,".utf8),
            to: sample.path("responses-00001.jsonl"))
        expect(try await sample.audit())
    }

    @Test func audit_takesLinesLongerThanItsBuffer() async throws {
        let bytes = (0..<10).flatMap {
            AuditSample.line($0, String(repeating: "x", count: $0 * 100_000))
        }
        expect(try await sample(bytes).audit())
        expect(
            try await sample(gzipMember(bytes) + gzipMember([]), format: "jsonl.gz").audit())
    }

    @Test func audit_looksInTheFolderItIsGiven() async throws {
        let sample = try await sample(AuditSample.lines(0..<10))
        let moved = sample.folder.file("moved")
        #expect(rename(sample.output, moved) == 0)
        expect(
            try await sample.audit(), faults: "the folder \(sample.output) cannot be opened",
            "completed jobs not found in the output (10): batch 1: 0, 1, 2, 3, 4; and 5 more")
        expect(try await OutputAudit(ledger: sample.queue.queue, folders: [.only: moved]).run())
    }

    @Test func audit_excusesJobsFromBeforeTheOutput() async throws {
        let sample = try await AuditSample(jobs: 5000)
        let segments = try await sample.queue.claim(jobs: 8192)
        try await sample.commit(segments[0], Set(0..<4096), [], [])
        try await sample.keep([])
        let file = sample.file(AuditSample.lines(4096..<5000), records: 904)
        try await sample.commit(segments[1], Set(4096..<5000), [], [file])
        let report = try await sample.audit()
        expect(report)
        #expect(report.notes.count == 1 && report.notes[0].contains("(4096): batch 1: 0, 1"))

        let short = sample.file(AuditSample.lines(4096..<4999), records: 903)
        _ = try await sample.queue.attach(RunnerDescription(pid: 1, workers: 1))
        try await sample.keep([short])
        expect(
            try await sample.audit(),
            faults: "not found in the output (4097): batch 1: 0, 1, 2, 3, 4; and 4092 more; 4096 of"
        )
    }

    // MARK: - The queue

    @Test func audit_namesATallyOffByOne() async throws {
        let sample = try await sample(AuditSample.lines(0..<10))
        try await sample.queue.detach()
        await sample.queue.close()
        try sql(sample, "UPDATE tally SET count = count + 1")
        let queue = try SQLiteQueue(path: sample.queuePath, access: .read)
        expect(
            try await OutputAudit(ledger: queue).run(),
            faults: "tally of outcome 5 says 11, there are 10")
        await queue.close()
    }

    @Test func audit_namesAnOverlappingSpan() async throws {
        let sample = try await sample(AuditSample.lines(0..<10))
        try await sample.queue.detach()
        await sample.queue.close()
        try sql(sample, "INSERT INTO span SELECT batch_id, 9, 1, outcome, priority FROM span")
        let queue = try SQLiteQueue(path: sample.queuePath, access: .read)
        let report = try await OutputAudit(ledger: queue).run()
        #expect(report.faults.contains { $0.description.contains("overlap") })
        #expect(report.faults.allSatisfy { $0.subject == .queue })
        await queue.close()
    }

    @Test func audit_readsTheFiles_whenTheQueueCannotSayHowJobsStand() async throws {
        let sample = try await sample(AuditSample.lines(0..<9) + AuditSample.line(9, "x"))
        write(
            AuditSample.lines(0..<9) + AuditSample.line(9, "y"),
            to: sample.path("responses-00001.jsonl"))
        let damaged = MovingLedger(
            sample.queue.queue,
            pageError: QueueError(.damaged, "it is damaged", remedy: .restoreCopy(orRecover: "q")))
        let report = try await OutputAudit(ledger: damaged).run()
        expect(
            report, faults: "responses-00001.jsonl is not what was written",
            "jobs were not compared with the output: it is damaged")
        #expect(report.faults.map(\.remedy) == [nil, .restoreCopy(orRecover: "q")])
        let locked = MovingLedger(sample.queue.queue, pageError: QueueError(.busy, "it is locked"))
        let error = await #expect(throws: QueueError.self) {
            try await OutputAudit(ledger: locked).run()
        }
        #expect(error?.code == .busy)
    }

    private func sql(_ sample: AuditSample, _ text: String) throws {
        try #require(system("sqlite3 -bail '\(sample.queuePath)' '\(text)'") == 0)
    }

    // MARK: - Files

    @Test func audit_namesAByteCutOff() async throws {
        let sample = try await sample(AuditSample.lines(0..<10))
        let size = contents(of: sample.path("responses-00001.jsonl")).count
        #expect(truncate(sample.path("responses-00001.jsonl"), size - 1) == 0)
        expect(
            try await sample.audit(),
            faults: "responses-00001.jsonl is \(size - 1) bytes long, \(size) were recorded",
            "ends within a line", "not found in the output (1): batch 1: 9")
    }

    @Test func audit_namesASealedFileThatGrew() async throws {
        let sample = try await AuditSample(jobs: 10)
        let bytes = AuditSample.lines(0..<10)
        try await sample.keep([])
        try await sample.commit(0..<10, [sample.file(bytes, records: 10, isSealed: true)])
        write(bytes + [0x0A], to: sample.path("responses-00001.jsonl"))
        expect(try await sample.audit(), faults: "sealed at \(bytes.count) bytes and is")
    }

    @Test func audit_namesAChangedByte() async throws {
        let sample = try await sample(AuditSample.lines(0..<10))
        var bytes = AuditSample.lines(0..<10)
        bytes[bytes.count - 6] ^= 1
        write(bytes, to: sample.path("responses-00001.jsonl"))
        expect(try await sample.audit(), faults: "responses-00001.jsonl is not what was written")
    }

    @Test func audit_namesAMissingFile() async throws {
        let sample = try await sample(AuditSample.lines(0..<10))
        #expect(unlink(sample.path("responses-00001.jsonl")) == 0)
        expect(
            try await sample.audit(), faults: "responses-00001.jsonl is missing",
            "not found in the output (10): batch 1: 0")
    }

    @Test func audit_namesALinkInPlaceOfAFile() async throws {
        let sample = try await sample(AuditSample.lines(0..<10))
        #expect(rename(sample.path("responses-00001.jsonl"), sample.folder.file("away")) == 0)
        #expect(symlink(sample.folder.file("away"), sample.path("responses-00001.jsonl")) == 0)
        expect(
            try await sample.audit(), faults: "responses-00001.jsonl is a link",
            "not found in the output (10)")
    }

    @Test func audit_namesAPipeInPlaceOfAFile() async throws {
        let sample = try await sample(AuditSample.lines(0..<10))
        #expect(unlink(sample.path("responses-00001.jsonl")) == 0)
        #expect(mkfifo(sample.path("responses-00001.jsonl"), 0o600) == 0)
        expect(
            try await sample.audit(), faults: "is not a regular file",
            "not found in the output (10)"
        )
    }

    @Test(arguments: [
        "responses-00002.jsonl", "responses-00001.jsonl.gz", "responses-00007.warc.gz",
        "index.jsonl", "index-00002.jsonl",
    ])
    func audit_namesAFileTheQueueDoesNotKnow(name: String) async throws {
        let sample = try await sample(AuditSample.lines(0..<10))
        write([], to: sample.path("notes.txt"))
        write([], to: sample.path(name))
        expect(try await sample.audit(), faults: "\(name) is in the folder, and the queue")
    }

    @Test func audit_opensNoFileOfAnotherName() async throws {
        let sample = try await AuditSample(jobs: 10)
        let bytes = AuditSample.lines(0..<10)
        try await sample.keep([])
        write(bytes, to: sample.folder.file("responses-00001.jsonl"))
        try await sample.commit(
            0..<10, [sample.file(bytes, name: "../elsewhere.jsonl", records: 10)])
        expect(
            try await sample.audit(), faults: "../elsewhere.jsonl is no name of an output file",
            "not found in the output (10)")
    }

    /// A later runner may have written it.
    @Test func audit_namesAFormatItDoesNotKnow_andChecksTheRest() async throws {
        for (isChanged, fault) in [(false, "not found in the output (5)"), (true, "checksum")] {
            let sample = try await AuditSample(jobs: 10)
            try await sample.keep([])
            var strange = sample.file([1, 2, 3], id: 1, name: "responses-00001.new", records: 5)
            strange = OutputFile(
                id: 1, name: strange.name, format: "new", bytes: 3, crc32: strange.crc32,
                records: 5, isSealed: true)
            if isChanged { write([1, 2, 4], to: sample.path(strange.name)) }
            let lines = AuditSample.lines(isChanged ? 0..<10 : 5..<10)
            let rest = sample.file(lines, id: 2, records: isChanged ? 10 : 5)
            try await sample.commit(0..<10, [strange, rest])
            let report = try await sample.audit()
            expect(
                report,
                faults: "responses-00001.new has the format 'new', which this runner does not know",
                fault)
            #expect(report.records == rest.records && report.files == 2)
        }
    }

    @Test func audit_opensNoFileOfAnUnknownFormat_outsideOfItsFolder() async throws {
        let sample = try await AuditSample(jobs: 10)
        try await sample.keep([])
        let bytes = AuditSample.lines(0..<10)
        write(bytes, to: sample.folder.file("file.new"))
        let strange = OutputFile(
            id: 1, name: "../file.new", format: "new", bytes: bytes.count, records: 10)
        try await sample.commit(0..<10, [strange])
        expect(
            try await sample.audit(), faults: "has the format 'new'",
            "../file.new is no name of an output file", "not found in the output (10)")
    }

    // MARK: - Jobs, with checksums that are right

    @Test func audit_namesALineDoubled() async throws {
        let bytes = AuditSample.lines(0..<10) + AuditSample.line(7)
        expect(
            try await sample(bytes, records: 11).audit(),
            faults:
                "jobs with more than one record (1 too many): batch 1: 7 in responses-00001.jsonl"
        )
    }

    @Test func audit_namesALineDoubled_inAnotherFile() async throws {
        let sample = try await AuditSample(jobs: 100_000)
        try await sample.keep([])
        try await sample.commit(
            0..<100_000,
            [
                sample.file(AuditSample.lines(0..<100_000), records: 100_000),
                sample.file(AuditSample.lines([70_000, 3, 5, 7, 9, 11]), id: 2, records: 6),
            ])
        expect(
            try await sample.audit(),
            faults:
                "than one record (6 too many): batch 1: 70000, 3, 5, 7, 9 in responses-00002.jsonl; and 1 more"
        )
    }

    @Test func audit_namesALineMissing() async throws {
        let bytes = AuditSample.lines((0..<10).filter { $0 != 4 })
        expect(
            try await sample(bytes, records: 9).audit(),
            faults: "completed jobs not found in the output (1): batch 1: 4")
    }

    @Test func audit_namesAWindowWithoutAnyRecord() async throws {
        let sample = try await AuditSample(jobs: 200_000)
        try await sample.keep([])
        try await sample.commit(
            0..<200_000, [sample.file(AuditSample.lines(0..<10), records: 10)])
        expect(
            try await sample.audit(),
            faults: "not found in the output (199990): batch 1: 10, 11, 12, 13, 14; and 199985 more"
        )
    }

    @Test func audit_namesALineInPlaceOfAnother() async throws {
        // As many lines as there should be.
        let bytes = AuditSample.lines([0, 1, 2, 3, 3, 5, 6, 7, 8, 9])
        expect(
            try await sample(bytes).audit(), faults: "than one record (1 too many): batch 1: 3",
            "not found in the output (1): batch 1: 4")
    }

    @Test func audit_namesRecordsOfJobsThatAreNotCompleted() async throws {
        let bytes = AuditSample.lines(0..<10) + AuditSample.line(99) + AuditSample.line(1, batch: 9)
        expect(
            try await sample(bytes, records: 12, completed: 0..<8).audit(),
            faults:
                "not completed, or not failed where they say so (4): batch 1: 8, 9, 99 in responses"
        )
    }

    @Test func audit_tellsFailedFromCompleted() async throws {
        let sample = try await AuditSample(jobs: 10)
        try await sample.keep([])
        var bytes = AuditSample.lines(0..<7)
        for id in 7..<10 { bytes += AuditSample.line(id, state: "failed") }
        try await sample.commit(0..<7, failed: 7..<10, [sample.file(bytes, records: 10)])
        expect(try await sample.audit())

        bytes += AuditSample.line(8, state: "failed") + AuditSample.line(9)
        bytes += AuditSample.line(1, state: "failed")
        _ = try await sample.queue.attach(RunnerDescription(pid: 1, workers: 1))
        try await sample.keep([sample.file(bytes, records: 13)])
        expect(
            try await sample.audit(), faults: "than one record (1 too many): batch 1: 8",
            "where they say so (2): batch 1: 9, 1 in")
    }

    @Test func audit_namesAWrongNumberOfRecords() async throws {
        expect(
            try await sample(AuditSample.lines(0..<10), records: 9).audit(),
            faults: "holds 10 records of jobs, 9 were recorded")
    }

    @Test(arguments: [
        "\n", "{}\n", #"{"id":4,"batch":1,"state":"retrying","x":1}"# + "\n",
        #"{"id":04,"batch":1,"state":"completed","x":1}"# + "\n",
        #"{"id":-4,"batch":1,"state":"completed","x":1}"# + "\n",
        #"{"id": 4,"batch":1,"state":"completed","x":1}"# + "\n",
        #"{"id":99999999999999999999,"batch":1,"state":"completed","x":1}"# + "\n",
        #"{"id":4,"batch":1,"state":"completed","x":1"# + "\n",
        #"{"id":4,"batch":1,"state":"completed","x":1}"# + "\r\n",
        #"{"id":4,"batch":1,"state":"completed","x":"\#u{1}"}"# + "\n",
        #"{"id":4,"batch":1,"state":"completed"}"# + "\n",
    ])
    func audit_namesALineThatIsNoRecord(line: String) async throws {
        let bytes = AuditSample.lines(0..<4) + Array(line.utf8) + AuditSample.lines(5..<10)
        expect(
            try await sample(bytes, records: 9).audit(),
            faults: "responses-00001.jsonl line 5: is no record of a job",
            "not found in the output (1): batch 1: 4")
    }

    @Test func audit_namesAHandfulOfFaultsAFile() async throws {
        let bytes = (0..<10).flatMap { _ in Array("x\n".utf8) }
        expect(
            try await sample(bytes, records: 0).audit(), faults: "line 1:", "line 2:", "line 3:",
            "line 4:", "line 5:", "has 5 more faults", "not found in the output (10)")
    }

    // MARK: - While a run goes on

    @Test func audit_findsNoFault_whenJobsAreCompletedMeanwhile() async throws {
        let sample = try await AuditSample(jobs: 20_000)
        let segments = try await sample.queue.claim(jobs: 20_480)
        let ids = segments.map { Set($0.todo.flatMap { $0 }) }
        @Sendable func more(_ segment: Int) async throws {
            let upTo = (segment + 1) * 4096
            let file = sample.file(
                AuditSample.lines(0..<min(20_000, upTo)), records: min(20_000, upTo))
            try await sample.commit(segments[segment], ids[segment], [], [file])
        }
        try await sample.keep([])
        try await more(0)
        let ledger = MovingLedger(
            sample.queue.queue,
            atOutput: [
                1: { try await more(1) }, 2: { try await more(2) },
                3: {
                    try await more(4)
                    write([], to: sample.path("responses-00002.jsonl"))
                },
            ], atCounts: { try await more(3) })
        let report = try await OutputAudit(ledger: ledger).run()
        expect(report)
        #expect(report.records == 4 * 4096)
        #expect(report.bytes == AuditSample.lines(0..<4 * 4096).count)
    }

    @Test func audit_findsFaults_inWhatIsAppendedMeanwhile() async throws {
        let sample = try await AuditSample(jobs: 8192)
        let segments = try await sample.queue.claim(jobs: 8192)
        let first = AuditSample.lines(0..<4096)
        try await sample.keep([])
        try await sample.commit(
            segments[0], Set(0..<4096), [], [sample.file(first, records: 4096)])
        let ledger = MovingLedger(
            sample.queue.queue,
            atOutput: [
                2: {
                    let rest = [100] + Array(4097..<8000) + [8001]
                    let bytes = first + AuditSample.lines(rest)
                    try await sample.commit(
                        segments[1], Set(4096..<8000), [],
                        [sample.file(bytes, records: 4096 + rest.count)])
                }
            ])
        expect(
            try await OutputAudit(ledger: ledger).run(),
            faults: "than one record (1 too many): batch 1: 100",
            "where they say so (1): batch 1: 8001",
            "not found in the output (1): batch 1: 4096")
    }

    /// While a run goes on, that may be what it writes just now.
    @Test func audit_notesWhatWasNeverMarked_whereNoRunGoesOn() async throws {
        let sample = try await AuditSample(jobs: 10)
        try await sample.keep([])
        let bytes = AuditSample.lines(0..<10)
        try await sample.commit(0..<10, [sample.file(bytes, records: 10)])
        let rest = AuditSample.lines(3..<5)
        write(bytes + rest, to: sample.path("responses-00001.jsonl"))
        let live = try await OutputAudit(ledger: sample.queue.queue).run()
        expect(live)
        #expect(live.notes == [])
        let report = try await sample.audit()
        expect(report)
        #expect(report.notes.count == 1, "\(report.notes)")
        #expect(
            report.notes.first?.hasPrefix(
                "responses-00001.jsonl ends with \(rest.count) bytes that do not count") == true)
    }

    @Test func audit_notesANewerFile_whileARunGoesOn() async throws {
        let sample = try await sample(AuditSample.lines(0..<10))
        write([], to: sample.path("responses-00002.jsonl"))
        let live = try await OutputAudit(ledger: sample.queue.queue).run()
        expect(live)
        #expect(live.notes == ["responses-00002.jsonl is not recorded yet: a run is going on"])
        expect(try await sample.audit(), faults: "responses-00002.jsonl is in the folder")
    }
}
