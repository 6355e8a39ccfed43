import ArgumentParser
import Glibc
import JobStore

struct Export: StatusCommand {
    static let configuration = CommandConfiguration(
        abstract: "Write how each job stands, a row a job; during a run too.",
        discussion: """
            A row has a job's ID, batch, URL and state, and the outcome of its last
            attempt: an HTTP status, or a reason such as timeout. Rows come in the order
            the jobs were enqueued. Bodies are not in them.

            The queue is read in parts, and nobody waits for it: during a run, rows are as
            of when their part was read.

            EXAMPLES
              runner export > jobs.csv
              runner export --state failed --outcome 404 --outcome timeout
              runner export --range 5000..6000 --format jsonl | jq .url
            """)

    @OptionGroup var queue: QueueOptions

    @Option(help: "What a row is: a line of CSV (RFC 4180, with a header) or JSON Lines.")
    var format = RowFormat.csv

    @OptionGroup(title: "Only these jobs") var filter: FilterOptions

    func execute() async throws -> ExitStatus {
        let store = try openLedger(at: queue.path)
        do {
            try await export(store)
        } catch let error as OutputError where error.number == EPIPE {
            // The reader of the pipe has enough, as `head` does: nothing to complain of.
            await store.close()
            return .queue
        } catch {
            await store.close()
            throw error
        }
        await store.close()
        return .done
    }

    private func export(_ store: any JobLedger) async throws {
        let filter = filter.jobFilter
        var rows = RowWriter(format)
        var place: LedgerPlace? = .start
        while let from = place {
            let page = try await store.page(from: from)
            for span in page.spans { try rows.write(filter.ids(of: span), of: span) }
            place = filter.place(after: page)
        }
        try rows.flush()
    }
}
