import ArgumentParser
import JobStore

struct Failures: StatusCommand {
    /// The properties that failed jobs are counted by.
    enum Grouping: String, CaseIterable, ExpressibleByArgument { case outcome, host, batch }

    static let configuration = CommandConfiguration(
        abstract: "Count or list the jobs that failed; during a run too.",
        discussion: """
            Counts come from totals that are kept, and take milliseconds; by host, or with
            --host or --range, jobs of lists are looked at one by one. With --list, a row
            a job as runner export writes it.

            EXAMPLES
              runner failures
              runner failures --by host --outcome timeout,connect
              runner failures --list --batch sitemap > failed.csv
            """)

    @OptionGroup var queues: QueuesOptions

    @Option(help: ArgumentHelp("Count by outcome, host or batch.", valueName: "what"))
    var by: Grouping?

    @Flag(help: "List the jobs, a row each.")
    var list = false

    @Option(help: "What a row of --list is: a line of CSV, or JSON Lines (default: csv).")
    var format: RowFormat?

    @OptionGroup(title: "Only these jobs") var failed: FailedOptions

    @Flag(help: "Print the counts as JSON.")
    var json = false

    func validate() throws {
        if list, by != nil || json {
            throw ValidationError(
                "--list writes rows; leave out \(by != nil ? "--by" : "--json"), or --list (for rows of JSON give --format jsonl)"
            )
        }
        guard list || format == nil else {
            throw ValidationError("--format goes with --list; for counts in JSON give --json")
        }
    }

    func execute() async throws -> ExitStatus {
        let looked = try await LookedAtQueues(queues)
        if list {
            var rows = RowWriter(format ?? .csv)
            return try await looked.writeRows { look in
                try await write(
                    try await failed.selection(in: look.ledger), of: look.ledger, to: &rows)
            }
        }
        var report = FailuresReport(by ?? .outcome)
        return try await looked.writeRows { look in
            try await report.add(
                try await failed.selection(in: look.ledger), in: look.ledger,
                named: looked.areUnrelated ? look.name : nil)
        } atEnd: {
            let text = report.text(of: looked, failed.areGiven)
            try Terminal.output(json ? try JSON.text(report) : text)
        }
    }

    private func write(
        _ selection: FailedJobs, of store: any JobLedger, to rows: inout RowWriter
    ) async throws {
        try await store.forEachFailed(selection) { span in
            switch span.batch.source {
            case .range: try rows.write(span.positions, of: span)
            case .list(let list):
                try await rows.write(span.positions, of: span, list, in: store)
            }
        }
        try rows.endQueue()
    }
}
