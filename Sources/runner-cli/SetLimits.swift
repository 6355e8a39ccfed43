import ArgumentParser
import JobStore
import Runner
import Stores

struct SetLimits: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "set",
        abstract: "Give the run that is going on other limits, until its end.",
        discussion: """
            The run takes them in within a second. What is in flight beyond them ends by
            itself. Limits that are not given stay as they are; those of a file given with
            --limits come first, as in run. A later run knows nothing of it.

            EXAMPLES
              runner set --workers 50
              runner set --rate 100/s --per-host 4
              runner set --rate none
            """)

    @OptionGroup var queue: QueueOptions

    @Option(
        name: .shortAndLong, parsing: .unconditional,
        help: "Requests in flight at once, as many as the run began with at most.")
    var workers: Int?

    @Option(
        help: ArgumentHelp(
            "The most requests, of all runs of the queue together: 500/s, 100/m, 5000/h or 100000/d; none lifts it.",
            valueName: "rate"))
    var rate: Liftable<Rate>?

    @Option(
        name: .customLong("host-rate"),
        help: ArgumentHelp("The most requests to one host, as --rate.", valueName: "rate"))
    var hostRate: Liftable<Rate>?

    @Option(
        help: ArgumentHelp(
            "The time between two requests to one host, half as much more or less by chance; none lifts it.",
            valueName: "seconds"))
    var delay: Liftable<Seconds>?

    @Option(
        name: .customLong("per-host"), parsing: .unconditional,
        help: ArgumentHelp(
            "Requests in flight at once to one host; 0 for no bound.", valueName: "n"))
    var perHost: Int?

    @Flag(help: "Print the result as JSON.")
    var json = false

    func validate() throws {
        guard workers ?? 1 >= 1 else {
            throw ValidationError(
                "--workers is \(workers ?? 0); give 1 at least, or stop what is sent with: runner pause"
            )
        }
        guard perHost ?? 0 >= 0 else {
            throw ValidationError(
                "--per-host is \(perHost ?? 0); give a number of requests, or 0 for no bound")
        }
        guard change.isAny else {
            throw ValidationError(
                "tell what is to change: --workers, --rate, --host-rate, --delay or --per-host")
        }
    }

    private var change: LimitChange {
        var change = LimitChange()
        change.workers = workers
        change.rate = rate?.bound
        change.hostRate = hostRate?.bound
        change.delay = delay.map { $0.bound.value.map { .most($0.duration) } ?? .lifted }
        change.perHost = perHost.map { $0 == 0 ? .lifted : .most($0) }
        return change
    }

    func run() async throws {
        let store = try openQueue(at: queue.location)
        let report: SetReport
        do {
            report = try await ask(store)
        } catch {
            await store.close()
            throw error
        }
        await store.close()
        try Terminal.output(json ? try JSON.text(report) : report.text(of: queue.path))
    }

    /// Asks each run for the limits, and waits until all have taken them in, or for two seconds.
    func ask(_ store: any JobQueue) async throws -> SetReport {
        let runs = try await store.counts().runs
        guard let first = runs.first else { throw noRun }
        for run in runs { try checkWorkers(of: run) }
        // Before the runs hear of it, which look for their share of it then.
        let isShared = store.sharesRate && change.rate != nil
        if isShared { try await store.setRate(perSecond: change.rate?.value?.perSecond) }
        var wishes: [Int: Int] = [:]
        for run in runs { wishes[run.id] = try await store.ask(change.kept, of: run.id) }
        guard !wishes.isEmpty else { throw noRun }
        let deadline = ContinuousClock.now + Self.patience
        func report(_ isTaken: Bool) -> SetReport {
            SetReport(
                pid: first.pid, others: runs.count - 1, isRateShared: isShared, isTaken: isTaken,
                change: change)
        }
        repeat {
            let live = try await store.counts().runs.filter { wishes[$0.id] != nil }
            guard !live.isEmpty else { throw ended(first) }
            if live.allSatisfy({ $0.wishTaken >= wishes[$0.id] ?? 0 }) { return report(true) }
            try await Task.sleep(for: .milliseconds(50))
        } while ContinuousClock.now < deadline
        return report(false)
    }

    private func checkWorkers(of run: QueueCounts.LiveRun) throws {
        if let workers, workers > run.workers {
            throw ValidationError(
                "--workers is \(workers), and the run has room for \(run.workers), those it began with; give that at most, or stop it and start another with: runner run --workers \(workers)"
            )
        }
    }

    /// The time in which a run takes in what it is asked for, unless its queue is locked.
    private static let patience = Duration.seconds(2)

    private var noRun: ValidationError {
        ValidationError("no run of \(queue.path) is going on; \(Self.cure)")
    }

    private func ended(_ run: QueueCounts.LiveRun) -> ValidationError {
        ValidationError(
            "the run of \(queue.path), process \(run.pid), ended before it took this in; \(Self.cure)"
        )
    }

    private static let cure = "give runner run the limits that it is to begin with"
}

/// The result of `set`; the JSON is a contract (docs/CLI.md).
struct SetReport: Encodable {
    let pid: Int
    /// The other runs of the queue that were asked, too.
    var others = 0
    /// Whether the rate is that of all runs together.
    var isRateShared = false
    let isTaken: Bool
    let change: LimitChange

    private enum CodingKeys: String, CodingKey {
        case pid, limits
        case isTaken = "taken"
    }

    func encode(to encoder: any Encoder) throws {
        var container = encoder.container(keyedBy: CodingKeys.self)
        try container.encode(pid, forKey: .pid)
        try container.encode(isTaken, forKey: .isTaken)
        try container.encode(LimitsDocument(change), forKey: .limits)
    }

    private var how: String {
        guard isRateShared else { return "each by itself" }
        var rest = change
        rest.rate = nil
        return rest.isAny ? "the rate together and the rest each by itself" : "together"
    }

    func text(of queue: String) -> String {
        let limits = LimitsDocument(change).text
        if others > 0 {
            return isTaken
                ? "set \(limits): \(others + 1) runs keep to it, \(how)"
                : "asked \(others + 1) runs for \(limits), which not all have taken in yet; see: runner status\(RetryAdvice.option(queue))"
        }
        return isTaken
            ? "set \(limits): process \(pid) keeps to it"
            : "asked process \(pid) for \(limits), which it has not taken in yet; see: runner status\(RetryAdvice.option(queue))"
    }
}
