import ArgumentParser
import Glibc
import JobStore

struct Status: StatusCommand {
    static let configuration = CommandConfiguration(
        abstract: "Show how many jobs stand where; during a run too.",
        discussion: """
            Reads totals that are kept, so it takes milliseconds however many jobs there are.

            EXAMPLES
              runner status
              runner status --watch
              runner status --json | jq .jobs.completed
              runner status --batch sitemap
            """)

    @OptionGroup var queue: QueueOptions

    @Option(help: ArgumentHelp("Only this batch, by ID or name.", valueName: "batch"))
    var batch: BatchReference?

    @Flag(help: "Print JSON; with --watch, a line each second.")
    var json = false

    @Flag(help: "Show it again each second, until everything is done.")
    var watch = false

    func execute() async throws -> ExitStatus {
        let store = try openLedger(at: queue.path)
        do {
            try await show(store)
        } catch {
            await store.close()
            throw error
        }
        await store.close()
        return .done
    }

    private func show(_ store: any JobLedger) async throws {
        var screen = RedrawnText(to: STDOUT_FILENO)
        let only = try await batch?.summary(in: store)
        while true {
            let counts = try await store.counts(of: only?.batch.id)
            let unfinished = try await store.unfinishedLists().filter { list in
                only.map { $0.batch.id == list.batch.id } ?? true
            }
            let held =
                only == nil ? try await store.hostsHeldBack(limit: StatusDocument.hostsMax) : []
            let document = StatusDocument(
                counts, of: only, unfinished: unfinished, held: held,
                isPaused: try await store.isPaused())
            if json {
                try Terminal.output(try JSON.text(document, onOneLine: watch))
            } else if watch {
                try screen.draw { document.lines(of: queue.path, in: $0) }
            } else {
                try Terminal.output(document.lines(of: queue.path).joined(separator: "\n"))
            }
            let mayGrow = unfinished.contains { $0.isBeingAdded == true }
            guard watch, counts.left > 0 || !counts.runs.isEmpty || mayGrow else { return }
            try await Task.sleep(for: .seconds(1))
        }
    }
}
