import ArgumentParser
import Glibc
import JobStore
import Runner
import Stores
import WebView

struct Serve: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Serve the web page of queues, whoever runs them, until Ctrl-C.",
        discussion: """
            Shows queues that nobody runs, and those that other processes run: progress,
            outcomes, hosts, the latest failures and what the run tells of itself. Pauses,
            resumes, drains, sets limits and puts failed jobs back. With several queues, or
            a folder of them, a list comes first.

            The link that is printed lets its owner in. Also served are /metrics in the
            format of Prometheus, /healthz and /readyz.

            EXAMPLES
              runner serve
              runner serve --http 8090 --queue pages.db --queue images.db
              runner serve --queue /srv/queues
            """)

    @Option(
        help: ArgumentHelp(
            "A queue's file or URL, or a folder whose .db files are queues; may be given several times (default: $RUNNER_QUEUE, else ./runner.db).",
            valueName: "file"))
    var queue: [String] = []

    @OptionGroup var web: WebFlags

    /// The most queues: each is looked at once a second.
    private static let queuesMax = 64

    func validate() throws { try web.validate(place) }

    private var place: WebPlace { web.http ?? WebPlace(address: WebPlace.loopback, port: 0) }

    func run() async throws {
        let queues = try await queues().map { QueueWatch($0) }
        let options = try web.options(at: place, isOwnProcess: false)
        let server = try await WebServer(options, of: queues)
        let (ends, end) = AsyncStream.makeStream(of: Void.self)
        Signals.onStop { end.finish() }
        Terminal.say("runner: web page: \(server.link)")
        await withTaskGroup(of: Void.self) { group in
            for queue in queues { group.addTask { await queue.watch() } }
            for await _ in ends {}
            group.cancelAll()
        }
        await server.stop()
    }

    private func queues() async throws -> [QueueOptions] {
        var files: [String] = []
        let standard = try QueueOptions.parse([])
        if queue.isEmpty, standard.isShared {
            // As the environment names it, since the URL may hold a password.
            await (try openLedger(at: standard.location)).close()
            return [standard]
        }
        for path in queue.isEmpty ? [standard.path] : queue {
            if let found = try Self.queues(inFolder: path) {
                files += found
            } else {
                // What is no queue is told of now, not on the page.
                await (try openLedger(at: path)).close()
                files.append(path)
            }
        }
        guard files.count <= Self.queuesMax else {
            throw ValidationError(
                "these are \(files.count) queues; name \(Self.queuesMax) at most with --queue")
        }
        return try files.map { try QueueOptions.parse(["--queue=\($0)"]) }
    }

    /// The queues of a folder by name; `nil` when the path is none.
    private static func queues(inFolder path: String) throws -> [String]? {
        guard let folder = opendir(path) else { return nil }
        defer { closedir(folder) }
        var names: [String] = []
        while let entry = readdir(folder) {
            let name = withUnsafePointer(to: &entry.pointee.d_name) {
                $0.withMemoryRebound(to: CChar.self, capacity: 256) { String(cString: $0) }
            }
            if name.hasSuffix(".db"), !name.hasPrefix(".") { names.append(name) }
        }
        guard !names.isEmpty else {
            throw ValidationError(
                "there is no queue (.db) in the folder \(Terminal.escaped(path)); name a file with --queue"
            )
        }
        return names.sorted().map { path.hasSuffix("/") ? path + $0 : "\(path)/\($0)" }
    }
}
