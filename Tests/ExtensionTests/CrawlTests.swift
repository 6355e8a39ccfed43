import JobStore
import Runner
import Stores
import Synchronization
import TestServer
import TestSupport
import Testing

/// Runs with a store, a format and a sink that the program does not have. Nothing here is imported
/// with more than public access.
@Suite struct CrawlTests {
    private let folder = Folder()

    private var options: CrawlOptions {
        var options = CrawlOptions()
        options.workers = 7
        options.retries = 0
        return options
    }

    private func enqueue(_ count: Int, _ url: String, first: Int = 0, to queue: any JobQueue)
        async throws
    {
        _ = try await queue.enqueue(
            JobRange(first: first, count: count), request: RequestTemplate(parsing: url))
    }

    /// A user of the library needs no more than this.
    @Test func aRun_isFourLines() async throws {
        let origin = try await Origin.start()
        let path = folder.file("runner.db")
        let first = try openQueue(at: path, makesMissing: true)
        try await enqueue(500, "\(origin.url)/body/10/{id}", to: first)
        await first.close()

        let queue = try openQueue(at: path)
        let crawl = try Crawl(queue: queue, options: CrawlOptions())
        let ending = try await crawl.run(to: .files(OutputOptions()))
        await queue.close()

        guard case .finished = ending else { throw Failed() }
        let ledger = try openLedger(at: path)
        let counts = try await ledger.counts()
        #expect(counts.completed == 500 && counts.runs.isEmpty)
        await ledger.close()
        await origin.stop()
    }

    @Test func aStoreAndAFormatOfOnesOwn_keepThePromise() async throws {
        let origin = try await Origin.start()
        let store = MemoryStore { 1_700_000_000_000_000 }
        let queue = store.connect()
        try await enqueue(3000, "\(origin.url)/body/50/{id}", to: queue)
        try await enqueue(20, "\(origin.url)/status/404/{id}", first: 5000, to: queue)
        var output = OutputOptions()
        output.folder = folder.file("out")
        output.formats = OutputFormats(OutputFormats.standard.all + [CountedLines()])
        output.format = "counted"
        output.rotateBytes = 10_000
        let ending = try await Crawl(queue: queue, options: options).run(to: .files(output))
        guard case .finished = ending else { throw Failed() }
        // What came later goes on where that ended.
        try await enqueue(100, "\(origin.url)/body/50/{id}", first: 7000, to: queue)
        _ = try await Crawl(queue: queue, options: options).run(to: .files(output))

        let counts = try await queue.counts()
        #expect(counts.completed == 3100 && counts.failed == 20 && counts.left == 0)
        let files = queue.output(of: .only).files
        #expect(files.count > 3 && files.dropLast().allSatisfy(\.isSealed))
        let text = String(
            decoding: contents(of: folder.file("out/" + files[0].name)), as: UTF8.self)
        #expect(text.hasSuffix("\n\(files[0].records) lines\n"))
        let report = try await OutputAudit(ledger: queue, formats: output.formats).run()
        #expect(report.isSound && report.records == 3100, "\(report.faults)")
        // Who does not know the format says so.
        let other = try await OutputAudit(ledger: queue).run()
        #expect(other.faults.contains { $0.description.contains("'counted'") })
        await origin.stop()
    }

    /// Two runs on one queue, each with a folder of its own: every job's record is in one of them.
    @Test func twoRuns_shareAQueue() async throws {
        let origin = try await Origin.start()
        let store = MemoryStore { 1_700_000_000_000_000 }
        try await enqueue(40_000, "\(origin.url)/body/5/{id}", to: store.connect())
        try await withThrowingTaskGroup(of: Void.self) { group in
            for number in 1...2 {
                let (queue, options) = (store.connect(), options)
                var output = OutputOptions()
                output.folder = folder.file("out\(number)")
                let destination = Crawl.Destination.files(output)
                group.addTask {
                    let ending = try await Crawl(queue: queue, options: options)
                        .run(to: destination)
                    guard case .finished = ending else { throw Failed() }
                    await queue.close()
                }
            }
            try await group.waitForAll()
        }
        let queue = store.connect()
        let sites = queue.sites()
        #expect(sites.count == 2)
        let records = sites.map { queue.output(of: $0).files.reduce(0) { $0 + $1.records } }
        #expect(records.reduce(0, +) == 40_000 && records.allSatisfy { $0 > 0 }, "\(records)")
        let report = try await OutputAudit(ledger: queue).run()
        #expect(report.isSound && report.records == 40_000, "\(report.faults)")
        #expect(origin.summary().repeated == 0)
        await origin.stop()
    }

    /// A store that is asked for its totals rarely: the run goes by what it has finished itself.
    @Test func progress_goesOn_betweenLooksAtTheTotals() async throws {
        let origin = try await Origin.start()
        let store = MemoryStore { 1_700_000_000_000_000 }
        let queue = store.connect()
        try await enqueue(2000, "\(origin.url)/body/5/{id}", to: queue)
        let observer = Observer()
        _ = try await Crawl(queue: queue, options: options).run(observer: observer)
        let seen = observer.seen.withLock { $0 }
        #expect(seen.contains { (1..<2000).contains($0.completed) && $0.total == 2000 })
        await origin.stop()
    }

    @Test(arguments: [false, true])
    func aClosure_getsEachRecordOnce_withItsBody(keepsFailures: Bool) async throws {
        let origin = try await Origin.start()
        let queue = try openQueue(at: folder.file("runner.db"), makesMissing: true)
        try await enqueue(20, "\(origin.url)/body/300000/{id}", to: queue)
        try await enqueue(20, "\(origin.url)/status/404/{id}", first: 20, to: queue)
        let seen = Mutex<[Int: Int]>([:])
        let sink = ClosureSink(
            needs: keepsFailures ? [.bodies, .failures] : .bodies,
            storage: try CaptureStorage(
                folder: folder.path, memoryBytesMax: 1 << 20, workers: options.workers)
        ) { record throws(SinkError) in
            var bytes = 0
            try record.capture.body.forEachPiece(of: record) { bytes += $0.count }
            #expect(bytes == record.capture.body.count && record.bodyBytes >= bytes)
            let head = try record.capture.head.whole(of: record)
            #expect(head.starts(with: "HTTP/1.1 \(record.status)".utf8))
            var url: [UInt8] = []
            record.appendURL(to: &url)
            #expect(url.starts(with: origin.url.utf8) && record.method == "GET")
            seen.withLock { #expect($0.updateValue(bytes, forKey: record.id) == nil) }
        }
        _ = try await Crawl(queue: queue, options: options).run(to: .sink(sink))
        await queue.close()
        await origin.stop()
        let sizes = seen.withLock { $0 }
        #expect(sizes.keys.sorted() == Array(0..<(keepsFailures ? 40 : 20)))
        #expect((0..<20).allSatisfy { sizes[$0] == 300_000 })
    }

    /// Its files would lack what went to the sink.
    @Test func aSink_isRefused_whereTheQueueHasFiles() async throws {
        let origin = try await Origin.start()
        let queue = try openQueue(at: folder.file("runner.db"), makesMissing: true)
        try await enqueue(5, "\(origin.url)/body/5/{id}", to: queue)
        var output = OutputOptions()
        output.folder = folder.file("out")
        _ = try await Crawl(queue: queue, options: options).run(to: .files(output))
        let sink = ClosureSink(
            needs: [], storage: try CaptureStorage(folder: folder.path, workers: 1)
        ) { _ throws(SinkError) in }
        let error = await #expect(throws: SinkError.self) {
            try await Crawl(queue: queue, options: options).run(to: .sink(sink))
        }
        #expect(error?.code == .usage)
        // The queue is free again.
        #expect(try await queue.counts().runs.isEmpty)
        await queue.close()
        await origin.stop()
    }

    private struct Failed: Error {}

    private final class Observer: CrawlObserver {
        let seen = Mutex<[QueueCounts]>([])
        let interval = Duration.milliseconds(5)
        func began(_ attachment: JobStore.Attachment, notes: [String]) {}
        func sampled(_ sample: RunSample) -> String? {
            seen.withLock { $0.append(sample.counts) }
            return nil
        }
    }
}
