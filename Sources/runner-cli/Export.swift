import ArgumentParser
import JobStore

struct Export: StatusCommand {
    static let configuration = CommandConfiguration(
        abstract: "Write how each job stands, a row a job; during a run too.",
        discussion: """
            A row has a job's ID, batch, URL and state, the outcome of its last attempt (an
            HTTP status, or a reason such as timeout), and the key of its line in a list.
            Rows come in the order the jobs were enqueued. Bodies are not in them.

            The queue is read in parts, and nobody waits for it: during a run, rows are as
            of when their part was read.

            EXAMPLES
              runner export > jobs.csv
              runner export --state failed --outcome 404 --outcome timeout
              runner export --range 5000..6000 --format jsonl | jq .url
              runner export --queue 'shards/*/runner.db' > jobs.csv
            """)

    @OptionGroup var queues: QueuesOptions

    @Option(help: "What a row is: a line of CSV (RFC 4180, with a header) or JSON Lines.")
    var format = RowFormat.csv

    @OptionGroup(title: "Only these jobs") var filter: FilterOptions

    func execute() async throws -> ExitStatus {
        let looked = try await LookedAtQueues(queues)
        var rows = RowWriter(format)
        return try await looked.writeRows { look in
            try await export(look.ledger, to: &rows)
        }
    }

    private func export(_ store: any JobLedger, to rows: inout RowWriter) async throws {
        let filter = filter.jobFilter
        var place: LedgerPlace? = .start
        while let from = place {
            let page = try await store.page(from: from)
            for span in page.spans {
                switch span.batch.source {
                case .range: try rows.write(filter.positions(of: span), of: span)
                case .list(let list):
                    try await rows.write(filter.positions(of: span), of: span, list, in: store)
                }
            }
            place = filter.place(after: page)
        }
        try rows.endQueue()
    }
}

extension RowWriter {
    /// Writes the rows of some jobs of a list, block by block.
    mutating func write(
        _ positions: Range<Int>, of span: LedgerPage.Span, _ list: JobList,
        in store: any JobLedger
    ) async throws {
        var next = positions.lowerBound
        while next < positions.upperBound {
            let block = try await store.block(holding: next, of: span.batch)
            guard let lines = block.lines(), lines.haveFields(list.fields.names.count) else {
                throw QueueError(
                    .damaged,
                    "the lines of jobs \(block.positions) of batch \(span.batch.id) cannot be read; restore a copy of the queue"
                )
            }
            for position in block.positions.clamped(to: next..<positions.upperBound) {
                let fields = lines.fields(ofLine: position - block.first)
                try write(
                    span.batch.id(at: position), list.publicURL(of: fields, at: position),
                    list.key(of: fields), of: span)
            }
            next = block.positions.upperBound
        }
    }
}
