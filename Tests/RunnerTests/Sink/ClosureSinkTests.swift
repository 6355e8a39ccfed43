import JobStore
// Not @testable: all that a sink needs is public.
import Runner
import Synchronization
import TestServer
import TestSupport
import Testing

/// A sink of a user of the library, in one file.
@Suite struct ClosureSinkTests {
    private let folder = Folder()

    @Test(arguments: [false, true])
    func aClosure_getsEachRecordOnce_withItsBody(keepsFailures: Bool) async throws {
        let origin = try await Origin.start()
        let queue = try SQLiteQueue(path: folder.file("runner.db"), access: .create)
        for (path, first) in [("body/300000", 0), ("status/404", 20)] {
            _ = try await queue.enqueue(
                JobRange(first: first, count: 20),
                request: RequestTemplate(parsing: "\(origin.url)/\(path)/{id}"))
        }
        var options = CrawlOptions()
        options.workers = 7
        let seen = Mutex<[Int: Int]>([:])
        let sink = ClosureSink(
            needs: keepsFailures ? [.bodies, .failures] : .bodies,
            storage: try CaptureStorage(
                folder: folder.path, maxMemoryBytes: 1 << 20, workers: options.workers)
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

        let crawl = try Crawl(queue: queue, options: options, stop: StopSwitch())
        let attachment = try await queue.attach(RunnerDescription(pid: 1, workers: 7))
        _ = try await crawl.run(attachment, to: sink, observe: nil)
        try await queue.detach()
        await queue.close()
        await origin.stop()
        let sizes = seen.withLock { $0 }
        #expect(sizes.keys.sorted() == Array(0..<(keepsFailures ? 40 : 20)))
        #expect((0..<20).allSatisfy { sizes[$0] == 300_000 })
    }
}

/// Gives each record to a closure.
private struct ClosureSink: Sink {
    let needs: ResponseNeeds
    let storage: CaptureStorage
    let keep: @Sendable (Record) throws(SinkError) -> Void

    func makeCollector() -> any Collector { WholeRecords() }

    func write(_ deposits: [Deposit]) throws(SinkError) -> [OutputFile] {
        for deposit in deposits {
            for record in deposit.whole { try keep(record) }
        }
        return []
    }
}

/// Leaves all records to the sink.
private final class WholeRecords: Collector {
    private var deposit = Deposit()
    private(set) var size = 0

    func collect(_ record: consuming Record) -> Capture? {
        size += record.capture.count
        deposit.whole.append(record)
        return nil
    }

    func take() -> Deposit {
        defer { (deposit, size) = (Deposit(), 0) }
        return deposit
    }
}
