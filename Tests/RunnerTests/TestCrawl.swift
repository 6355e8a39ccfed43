import JobStore
import TestServer
import TestSupport
import Testing

@testable import Runner

/// A queue in a folder of its own, and runs on it.
struct TestCrawl {
    private let folder = Folder()
    var options = CrawlOptions()

    init() {
        options.workers = 20
        options.retries = 2
        options.backoff = Backoff(baseMicros: 1000, waitMicrosMax: 5000)
        options.fetch.connectTimeout = .seconds(2)
        // What is healthy must not time out on a slow machine.
        options.fetch.timeout = .seconds(1)
    }

    /// Fetches `count` IDs of each URL template, each from `first` on, and returns how it ended.
    func fetch(_ urls: [String], first: Int = 0, count: Int) async throws -> QueueCounts {
        let queue = try SQLiteQueue(path: folder.file("runner.db"), access: .create)
        for (index, url) in urls.enumerated() {
            _ = try await queue.enqueue(
                JobRange(first: first + index * count, count: count),
                request: RequestTemplate(parsing: url))
        }
        _ = try await Crawl(queue: queue, options: options).run()
        let counts = try await queue.counts()
        let faults = try await queue.verify()
        #expect(faults == [])
        await queue.close()
        return counts
    }
}
