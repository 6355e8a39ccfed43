import ArgumentParser
import JobStore

struct Batches: StatusCommand {
    static let configuration = CommandConfiguration(
        abstract: "List the batches, a row each; during a run too.",
        discussion: """
            A batch is what one enqueue added. Its row has its ID, name, priority, IDs,
            requests, and how many of its jobs stand where. Rows come in the order the
            batches were enqueued.

            EXAMPLES
              runner batches
              runner batches --json | jq 'select(.jobs.failed > 0) | .batch'
            """)

    @OptionGroup var queues: QueuesOptions

    @Flag(help: "Print JSON, a line a batch.")
    var json = false

    func execute() async throws -> ExitStatus {
        let looked = try await LookedAtQueues(queues)
        return try await looked.writeRows { look in
            try await list(look.ledger, named: looked.areUnrelated ? look.name : nil)
        }
    }

    /// - Parameter queue: The name of the queue, where there are several; `nil` for the only one.
    private func list(_ store: any JobLedger, named queue: String?) async throws {
        let title = queue.map { "\(Terminal.escaped($0)):\n" } ?? ""
        var text = json ? "" : title + BatchDocument.header + "\n"
        let unfinished = Dictionary(
            try await store.unfinishedLists().map { ($0.batch.id, $0) }, uniquingKeysWith: { $1 })
        var next: Batch.ID? = 0
        while let from = next {
            let page = try await store.batches(from: from)
            for summary in page.summaries {
                let document = BatchDocument(
                    summary, unfinished: unfinished[summary.batch.id], of: queue)
                text += (json ? try JSON.text(document) : document.row) + "\n"
            }
            try Terminal.output(Array(text.utf8))
            text = ""
            next = page.next
        }
    }
}
