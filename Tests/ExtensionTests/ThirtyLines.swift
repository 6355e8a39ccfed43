import JobStore
import Runner
import Stores

/// Fetches `/items/0`, `/items/1`, … of a server into files, and goes on where it was stopped.
func fetchItems(_ count: Int, of server: String, into folder: String) async throws -> QueueCounts {
    let queue = try openQueue(at: "\(folder)/items.db", makesMissing: true)
    do {
        // The same key again adds nothing: so the program may be killed and started again.
        let request = try RequestTemplate(parsing: "\(server)/items/{id}")
        _ = try await queue.enqueue(
            .range(JobRange(first: 0, count: count), request), as: BatchLabel(key: "items"))

        var options = CrawlOptions()
        options.workers = 200
        options.politeness.limits.rate = Rate(500, per: .seconds(1))
        var output = OutputOptions()
        output.folder = "\(folder)/responses"
        output.format = "jsonl.gz"

        let crawl = try Crawl(queue: queue, options: options)
        let ending = try await crawl.run(to: .files(output), observer: Printer())
        if case .finished = ending {} else { print("\(ending); run again to resume") }
        let counts = try await queue.counts()
        await queue.close()
        return counts
    } catch {
        await queue.close()
        throw error
    }
}

/// Prints a line a second.
struct Printer: CrawlObserver {
    func began(_ attachment: Attachment, notes: [String]) {
        for note in notes { print(note) }
    }

    func sampled(_ sample: RunSample) -> String? {
        print("\(sample.counts.done) of \(sample.counts.total), \(Int(sample.figures.rateNow))/s")
        return nil
    }
}
