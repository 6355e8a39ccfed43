import ArgumentParser
import Glibc
import JobStore
import Stores

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
              runner status --queue 'shards/*/runner.db'
            """)

    @OptionGroup var queues: QueuesOptions

    @Option(help: ArgumentHelp("Only this batch, by ID or name.", valueName: "batch"))
    var batch: BatchReference?

    @Flag(help: "Print JSON; with --watch, a line each second.")
    var json = false

    @Flag(help: "Show it again each second, until everything is done.")
    var watch = false

    func execute() async throws -> ExitStatus {
        let queues = try queues.queues()
        guard let queue = queues.first, queues.count == 1 else {
            guard !watch else {
                throw ValidationError(
                    "--watch shows one queue, and these are \(queues.count); runner serve shows several"
                )
            }
            try await showAll(queues)
            return .done
        }
        let store = try openLedger(at: queue.location)
        do {
            try await show(store, of: queue)
        } catch {
            await store.close()
            throw error
        }
        await store.close()
        return .done
    }

    private func show(_ store: any JobLedger, of queue: QueueOptions) async throws {
        if watch, !json, Terminal.isInteractive(STDOUT_FILENO) {
            return try await WatchView(queue: queue, store: store, only: try await summary(store))
                .show()
        }
        let only = try await summary(store)
        while true {
            let look = try await StatusLook(store, only)
            if json {
                try Terminal.output(try JSON.text(look.document, onOneLine: watch))
            } else {
                try Terminal.output(look.document.lines(of: queue.path).joined(separator: "\n"))
            }
            guard watch, look.mayChange else { return }
            try await Task.sleep(for: .seconds(1))
        }
    }

    private func summary(_ store: any JobLedger) async throws -> BatchSummary? {
        try await batch?.summary(in: store)
    }

    /// Shows several queues, one after another, and their sums.
    private func showAll(_ queues: [QueueOptions]) async throws {
        var document = StatusOfQueues()
        if !json { try Terminal.output(StatusOfQueues.header) }
        for queue in queues {
            let store = try openLedger(at: queue.location)
            do {
                let row = try await document.add(queue.path, store, batch)
                if !json { try Terminal.output(row) }
            } catch {
                await store.close()
                throw error
            }
            await store.close()
        }
        if let batch, !document.hasFoundBatch { throw batch.missing }
        try Terminal.output(json ? try JSON.text(document, onOneLine: false) : document.text)
    }
}

/// A look at a queue, as `status` shows it.
struct StatusLook: Sendable {
    let counts: QueueCounts
    let document: StatusDocument
    let isPaused: Bool
    /// Whether anything is left that another look may find changed.
    let mayChange: Bool

    /// - Parameter only: The batch that alone is looked at; `nil` for all.
    init(_ store: any JobLedger, _ only: BatchSummary?) async throws {
        counts = try await store.counts(of: only?.batch.id)
        let unfinished = try await store.unfinishedLists().filter { list in
            only.map { $0.batch.id == list.batch.id } ?? true
        }
        let held =
            only == nil ? try await store.hostsHeldBack(limit: StatusDocument.hostsMax) : []
        isPaused = try await store.isPaused()
        document = StatusDocument(
            counts, of: only, unfinished: unfinished, held: held, isPaused: isPaused,
            shards: try await store.setting(Shard.splitName))
        mayChange =
            counts.left > 0 || !counts.runs.isEmpty
            || unfinished.contains { $0.isBeingAdded == true }
    }
}
