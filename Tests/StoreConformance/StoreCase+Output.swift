import JobStore
import TestSupport
import Testing

private let settings = OutputSettings(
    folder: "/data/responses", identity: "c0ffee", format: "jsonl", rotateBytes: 1 << 30,
    keepsBodies: true, keepsFailures: false)

private func file(_ id: Int, bytes: Int = 0, records: Int = 0) -> OutputFile {
    OutputFile(
        id: id, name: "responses-\(id).jsonl", format: "jsonl", bytes: bytes,
        crc32: bytes == 0 ? 0 : .max - UInt32(bytes), records: records)
}

// Where responses are kept, and how much of the files counts.
extension StoreCase {
    static let output: [StoreCase] = [
        StoreCase("output_isNone_untilOneIsKept") { store in
            let queue = try await store.attached(10)
            let output = try await queue.output()
            #expect(output == QueueOutput(settings: nil, files: [], completedBefore: 0))
            await queue.close()
        },
        StoreCase("output_isRememberedOverReopening") { store in
            let queue = try await store.attached(10)
            try await queue.keepOutput(settings, [file(1), file(2)])
            let expected = QueueOutput(
                settings: settings, files: [file(1), file(2)], completedBefore: 0)
            #expect(try await queue.output() == expected)
            try await queue.detach()
            await queue.close()

            let next = try await store.open()
            #expect(try await next.output() == expected)
            let attachment = try await next.attach(RunnerDescription(pid: 2, workers: 1))
            #expect(attachment.output == expected)
            await next.close()
        },
        StoreCase("handedOver_isRememberedOfSealedFiles_alone") { store in
            let queue = try await store.attached(10)
            var sealed = file(1, bytes: 1000, records: 10)
            sealed.isSealed = true
            try await queue.keepOutput(settings, [sealed, file(2, bytes: 20, records: 1)])
            for number in 1...3 { try await queue.lease.handedOver(number) }
            var expected = sealed
            expected.isHandedOver = true
            #expect(try await queue.output().files == [expected, file(2, bytes: 20, records: 1)])
            try await queue.detach()
            await queue.close()

            let next = try await store.open()
            let attachment = try await next.attach(RunnerDescription(pid: 2, workers: 1))
            #expect(attachment.output.files[0].isHandedOver)
            await next.close()
        },
        StoreCase("keepOutput_countsWhatWasCompletedBefore_once") { store in
            let queue = try await store.attached(100)
            let segment = try await queue.claim(jobs: 1)[0]
            try await queue.commit(store.marks(segment, ok) { $0 < 30 }, heartbeat: beat)
            let failed = Outcome(.failed, status: 404)
            try await queue.commit(
                store.marks(segment, failed) { (30..<40).contains($0) }, heartbeat: beat)
            try await queue.keepOutput(settings, [])
            #expect(try await queue.output().completedBefore == 30)

            try await queue.commit(
                store.marks(segment, ok) { (40..<60).contains($0) }, heartbeat: beat)
            var later = settings
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
        },
        StoreCase("commit_recordsFilesWithItsMarks") { store in
            let queue = try await store.attached(100)
            let segment = try await queue.claim(jobs: 1)[0]
            try await queue.keepOutput(settings, [file(1)])
            var full = file(1, bytes: 1000, records: 10)
            try await queue.commit(store.marks(segment, ok) { $0 < 10 }, [full], heartbeat: beat)
            #expect(try await queue.output().files == [full])

            // The first is sealed and the next begun, in one commit.
            full.bytes = 3000
            full.records = 30
            full.isSealed = true
            let begun = file(2, bytes: 500, records: 5)
            try await queue.commit(
                store.marks(segment, ok) { (10..<35).contains($0) }, [full, begun], heartbeat: beat)
            #expect(try await queue.output().files == [full, begun])
            #expect(try await queue.counts().completed == 35)

            // Without files, what is known of them stays.
            try await queue.commit(
                store.marks(segment, ok) { (35..<40).contains($0) }, heartbeat: beat)
            let watcher = try await store.open()
            #expect(try await watcher.output().files == [full, begun])
            await watcher.close()
            try await store.expectSound(queue)
            await queue.close()
        },
        StoreCase("commit_recordsNoFiles_whenItIsFenced") { store in
            let queue = try await store.attached(10)
            let segment = try await queue.claim(jobs: 1)[0]
            let kept = file(1, bytes: 10, records: 5)
            try await queue.keepOutput(settings, [])
            try await queue.commit(store.marks(segment, ok) { $0 < 5 }, [kept], heartbeat: beat)
            let (grown, begun) = (file(1, bytes: 20, records: 10), file(2, bytes: 7, records: 1))
            await store.expectFenced {
                try await queue.commit(
                    store.marks(segment, ok) { $0 >= 4 }, [grown, begun], heartbeat: beat)
            }
            #expect(try await queue.output().files == [kept])
            #expect(try await queue.counts().completed == 5)
            await queue.close()
        },
        // Runners that write to folders of their own have sites of their own.
        StoreCase("sites_areApart_whereRunnersAreMany") { store in
            let queue = try await store.attached(100)
            #expect(try await queue.queue.sites().count == 1)
            guard queue.queue.allowsManyRunners else { return }
            try await queue.keepOutput(settings, [file(1)])
            let other = try await store.open()
            let attachment = try await other.attach(RunnerDescription(pid: 2, workers: 1))
            #expect(attachment.output.settings == nil && attachment.output.files.isEmpty)
            var theirs = settings
            theirs.folder = "/elsewhere"
            theirs.identity = "beef"
            try await other.keepOutput(theirs, [file(1, bytes: 5, records: 1)])
            #expect(try await queue.queue.sites().count == 2)
            #expect(try await queue.output().files == [file(1)])
            #expect(try await other.output().files == [file(1, bytes: 5, records: 1)])

            // A runner that comes with a site's folder goes on there.
            try await queue.detach()
            let again = try await queue.attach(
                RunnerDescription(pid: 3, workers: 1, siteIdentity: "c0ffee"))
            #expect(again.output.settings == settings && again.output.files == [file(1)])
            #expect(try await queue.queue.sites().count == 2)
            await other.close()
            await queue.close()
        },
    ]
}
