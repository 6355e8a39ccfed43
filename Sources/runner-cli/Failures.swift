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

    @OptionGroup var queue: QueueOptions

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
        try await queue.writeRows { store in
            let selection = try await failed.selection(in: store)
            if list { return try await write(selection, of: store) }
            let report = try await FailuresReport(by ?? .outcome, of: selection, in: store)
            try Terminal.output(
                json ? try JSON.text(report) : report.text(of: queue.path, failed.areGiven))
        }
    }

    private func write(_ selection: FailedJobs, of store: any JobLedger) async throws {
        var rows = RowWriter(format ?? .csv)
        try await store.forEachFailed(selection) { span in
            switch span.batch.source {
            case .range: try rows.write(span.positions, of: span)
            case .list(let list):
                try await rows.write(span.positions, of: span, list, in: store)
            }
        }
        try rows.flush()
    }
}
