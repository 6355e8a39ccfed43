// swift-format-ignore-file: AlwaysUseLowerCamelCase
// These are named as tests are, for what they show.

import JobStore
import Testing

/// Where responses are kept, and how much of the files counts.
extension JobQueueConformance {
    private static let settings = OutputSettings(
        folder: "/data/responses", identity: "c0ffee", format: "jsonl", rotateBytes: 1 << 30,
        keepsBodies: true,
        keepsFailures: false)

    private func file(_ id: Int, bytes: Int = 0, records: Int = 0) -> OutputFile {
        OutputFile(
            id: id, name: "responses-\(id).jsonl", format: "jsonl", bytes: bytes,
            crc32: bytes == 0 ? 0 : .max - UInt32(bytes), records: records)
    }

    func output_isNone_untilOneIsKept() async throws {
        let queue = try await attached(10)
        let output = try await queue.output()
        #expect(output == QueueOutput(settings: nil, files: [], completedBefore: 0))
        await queue.close()
    }

    func output_isRememberedOverReopening() async throws {
        let queue = try await attached(10)
        try await queue.keepOutput(Self.settings, [file(1), file(2)])
        let expected = QueueOutput(
            settings: Self.settings, files: [file(1), file(2)], completedBefore: 0)
        #expect(try await queue.output() == expected)
        try await queue.detach()
        await queue.close()

        let next = try await open()
        #expect(try await next.output() == expected)
        let attachment = try await next.attach(RunnerDescription(pid: 2, workers: 1))
        #expect(attachment.output == expected)
        await next.close()
    }

    func keepOutput_countsWhatWasCompletedBefore_once() async throws {
        let queue = try await attached(100)
        let segment = try await queue.claim(jobs: 1)[0]
        try await queue.commit(marks(segment, ok) { $0 < 30 }, heartbeat: beat)
        let failed = Outcome(.failed, status: 404)
        try await queue.commit(
            marks(segment, failed) { (30..<40).contains($0) }, heartbeat: beat)
        try await queue.keepOutput(Self.settings, [])
        #expect(try await queue.output().completedBefore == 30)

        try await queue.commit(
            marks(segment, ok) { (40..<60).contains($0) }, heartbeat: beat)
        var later = Self.settings
        later.folder = "/elsewhere"
        later.format = "warc"
        later.rotateBytes = 1
        later.keepsBodies = false
        later.keepsFailures = true
        try await queue.keepOutput(later, [file(1)])
        let output = try await queue.output()
        #expect(output.settings == later)
        #expect(output.files == [file(1)])
        #expect(output.completedBefore == 30, "of what came later, there are records")
        await queue.close()
    }

    func commit_recordsFilesWithItsMarks() async throws {
        let queue = try await attached(100)
        let segment = try await queue.claim(jobs: 1)[0]
        try await queue.keepOutput(Self.settings, [file(1)])
        var full = file(1, bytes: 1000, records: 10)
        try await queue.commit(marks(segment, ok) { $0 < 10 }, [full], heartbeat: beat)
        #expect(try await queue.output().files == [full])

        // The first is sealed and the next begun, in one commit.
        full.bytes = 3000
        full.records = 30
        full.isSealed = true
        let begun = file(2, bytes: 500, records: 5)
        try await queue.commit(
            marks(segment, ok) { (10..<35).contains($0) }, [full, begun], heartbeat: beat)
        #expect(try await queue.output().files == [full, begun])
        #expect(try await queue.counts().completed == 35)

        // Without files, what is known of them stays.
        try await queue.commit(
            marks(segment, ok) { (35..<40).contains($0) }, heartbeat: beat)
        let watcher = try await open()
        #expect(try await watcher.output().files == [full, begun])
        await watcher.close()
        try await expectSound(queue)
        await queue.close()
    }

    func commit_recordsNoFiles_whenItIsFenced() async throws {
        let queue = try await attached(10)
        let segment = try await queue.claim(jobs: 1)[0]
        let kept = file(1, bytes: 10, records: 5)
        try await queue.keepOutput(Self.settings, [])
        try await queue.commit(marks(segment, ok) { $0 < 5 }, [kept], heartbeat: beat)
        let (grown, begun) = (file(1, bytes: 20, records: 10), file(2, bytes: 7, records: 1))
        await expectFenced {
            try await queue.commit(
                self.marks(segment, self.ok) { $0 >= 4 }, [grown, begun], heartbeat: self.beat)
        }
        #expect(try await queue.output().files == [kept])
        #expect(try await queue.counts().completed == 5)
        await queue.close()
    }
}
