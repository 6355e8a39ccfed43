import ArgumentParser
import JobStore
import Stores

struct Cancel: StatusCommand {
    static let configuration = CommandConfiguration(
        abstract: "Take back the jobs of a batch that are not started.",
        discussion: """
            Jobs that nobody fetches yet, and those that wait for a retry, become
            cancelled: they are never fetched, and count neither as failed nor as left to
            do. Jobs that a run has in hand end by themselves; what is done stays done.
            It works while a run is going on. Killed half-way, give it again.

            EXAMPLES
              runner cancel sitemap
              runner cancel 3 --queue pages.db
            """)

    @OptionGroup var queue: QueueOptions

    @Argument(help: "The batch, by ID or name.")
    var batch: BatchReference

    @Flag(help: "Print the result as JSON.")
    var json = false

    func execute() async throws -> ExitStatus {
        let store = try openQueue(at: queue.location)
        let report: CancelReport
        do {
            let summary = try await batch.summary(in: store)
            report = CancelReport(
                batch: summary, result: try await store.cancel(summary.batch.id))
        } catch {
            await store.close()
            throw error
        }
        await store.close()
        try Terminal.output(json ? try JSON.text(report) : report.text(of: queue.path))
        return .done
    }
}

/// The result of `cancel`; the JSON is a contract (docs/CLI.md).
struct CancelReport: Encodable {
    let batch: BatchSummary
    let result: Cancellation

    private enum CodingKeys: String, CodingKey {
        case batch, name, cancelled, running
        case isNew = "new"
    }

    func encode(to encoder: any Encoder) throws {
        var container = encoder.container(keyedBy: CodingKeys.self)
        try container.encode(batch.batch.id, forKey: .batch)
        try container.encode(batch.name, forKey: .name)  // null, not absent
        try container.encode(result.cancelled, forKey: .cancelled)
        try container.encode(result.running, forKey: .running)
        try container.encode(result.isNew, forKey: .isNew)
    }

    func text(of queue: String) -> String {
        let title = "\(batch.title) of \(queue)"
        let count = Format.count(result.cancelled)
        let done =
            switch (result.isNew, result.cancelled) {
            case (true, 0): "cancelled \(title); none of its jobs was left to take back"
            case (true, _): "cancelled \(count) jobs of \(title)"
            case (false, 0): "\(title) was cancelled before; nothing was left to take back"
            case (false, _): "cancelled \(count) more jobs of \(title), cancelled before"
            }
        let running = "\(Format.count(result.running)) that a run has in hand end by themselves"
        return done + (result.running > 0 ? "; \(running)" : "")
    }
}
