import Foundation
import TestPostgres
import TestSupport
import Testing

/// Sixteen runs of the built program on one queue in PostgreSQL, and what is done to them and to their
/// server, as a seed says.
struct ChaosFleet {
    enum Strike: String, CaseIterable {
        /// A run is killed, and begun again in its folder.
        case kill
        /// A run is killed, and another begun in a folder of its own.
        case replace
        /// A run stands still while others take it for dead, and goes on.
        case stop
        /// Some of the connections are ended by the server.
        case endConnections
        /// A process of the server is killed, which has the server end all others.
        case killBackend
        case crashServer
        case fillDisk
    }

    private struct Runner {
        /// The URL of the queue, by one of several ways.
        let queue: String
        var folder: String
        var process: Program.Running
        var goesOn: ContinuousClock.Instant?
        var isDone = false
    }

    private static let size = 16
    private static let hosts = (1...40).map { "h\($0).test" }
    /// The URLs of jobs, of which those of the list have IDs by their hosts.
    private static let addresses =
        "http://(h[0-9]+[.]test:[0-9]+/delay/[0-9]+/[0-9]+|127[.]0[.]0[.]1:[0-9]+/.*/{id})"

    private let program: Program
    private let server: PostgresServer
    private let url: String
    private let origin: TestOrigin
    private let relay: StallingRelay
    private let workers: Int
    /// The time that an answer takes. A few runs claim all of few jobs.
    private let delayMillis: Int
    private let sizes: (list: Int, flaky: Int, all: Int)
    /// Whether runs stand still for as long as it takes, and not until others are told that the
    /// process is gone.
    private let waitsForLeases: Bool
    private var random: SeededGenerator
    private var runners: [Runner] = []
    private var folders: [String] = []

    // MARK: - What was done

    private(set) var strikes: [Strike: Int] = [:]
    /// The ends of runs, and of their hold on the queue while they stood still, and the requests that
    /// may be repeated because of them.
    private var deaths = (count: 0, requests: 0)
    private var takeOvers = 0
    /// The time since which the database was out of reach, and that until which it was.
    private var outage: (begin: ContinuousClock.Instant, end: ContinuousClock.Instant)?
    private let begin = ContinuousClock.now

    init(seed: UInt64, jobs: Int, workers: Int, on server: PostgresServer) async throws {
        self.server = server
        self.workers = workers
        waitsForLeases = jobs >= 100_000
        delayMillis = jobs >= 100_000 ? 60 : 20
        random = SeededGenerator(seed: seed)
        sizes = (jobs / 20, jobs / 50, jobs)
        let database = server.makeDatabase()
        var program = Program()
        url = database.url
        program.environment["RUNNER_QUEUE"] = url
        self.program = program
        origin = try await TestOrigin()
        relay = try await StallingRelay(to: url, ["30000", "\(seed)"])
        try await enqueue()
        for number in 0..<Self.size {
            let queue =
                switch number % 4 {
                case 0: relay.relayed
                case 1: database.pooledURL ?? url
                case _: url
                }
            let folder = "out\(number)"
            folders.append(folder)
            let process = try start(queue: queue, folder: folder)
            runners.append(Runner(queue: queue, folder: folder, process: process))
        }
    }

    /// Queues a list of many hosts, jobs that fail once, and a range of the rest.
    private func enqueue() async throws {
        let lines = (0..<sizes.list).map { id in
            let host = Self.hosts[id % Self.hosts.count]
            return "http://\(host):\(origin.port)/delay/\(delayMillis)/\(id)\n"
        }
        write(Array(lines.joined().utf8), to: program.folder.file("list"))
        let added = try await program.runner("enqueue", "list")
        #expect(added.status == 0, "\(added.err)")
        let ends = [sizes.list, sizes.list + sizes.flaky, sizes.all]
        for (index, path) in ["flaky/2/500", "delay/\(delayMillis)"].enumerated() {
            try await program.runner(
                "enqueue", "--range", "\(ends[index])..\(ends[index + 1])", "--url",
                "\(origin.url)/\(path)/{id}"
            ).expectSuccess()
        }
    }

    private func start(queue: String, folder: String) throws -> Program.Running {
        var program = program
        program.environment["RUNNER_QUEUE"] = queue
        let resolved = Self.hosts.flatMap { ["--resolve", "\($0):\(origin.port):127.0.0.1"] }
        return try program.start(
            "runner",
            ["run", "--workers", "\(workers)", "--output", folder, "--http1.1", "--no-robots"]
                + ["--no-adapt", "--max-stall", "300"] + resolved)
    }

    // MARK: - The course

    /// Has the fleet do all jobs under strikes, each kind once to begin with, and leaves it alone
    /// after so many that it would never end.
    mutating func run() async throws {
        var first = Strike.allCases.shuffled(using: &random)
        let strikesMax = Strike.allCases.count + sizes.all / 1000
        while !runners.contains(where: \.isDone), strikes.values.reduce(0, +) < strikesMax {
            try await Task.sleep(for: .milliseconds(Int.random(in: 100...700, using: &random)))
            try await tend()
            let strike = first.popLast() ?? drawn()
            if try await happens(strike) { strikes[strike, default: 0] += 1 }
        }
        for number in runners.indices { goOn(number) }
        try await waitForTheEnd()
    }

    /// Waits until all runs have ended. Many jobs may take long: only none at all in five minutes are
    /// too few.
    private mutating func waitForTheEnd() async throws {
        var completed = -1
        var deadline = ContinuousClock.now + .seconds(300)
        var nextLook = ContinuousClock.now
        while !runners.allSatisfy(\.isDone) {
            try await tend()
            let now = ContinuousClock.now
            if now >= nextLook {
                nextLook = now + .seconds(10)
                // A server that has crashed may not be back yet.
                let jobs = try? await program.status().jobs
                if let jobs, jobs.completed > completed {
                    completed = jobs.completed
                    deadline = now + .seconds(300)
                }
                guard now < deadline else {
                    let last = runners.first { !$0.isDone }
                    throw Failure(
                        "no job was completed for long after \(completed): \(last?.process.err ?? "")"
                    )
                }
            }
            try await Task.sleep(for: .milliseconds(50))
        }
    }

    struct Failure: Error, CustomStringConvertible {
        let description: String
        init(_ description: String) { self.description = description }
    }

    private mutating func drawn() -> Strike {
        switch Int.random(in: 0..<100, using: &random) {
        case ..<40: .kill
        case ..<55: .replace
        case ..<75: .stop
        case ..<92: .endConnections
        case ..<95: .killBackend
        case ..<98: .crashServer
        case _: .fillDisk
        }
    }

    /// Begins runs again that have ended for a reason, and has those go on that stood still.
    private mutating func tend() async throws {
        for number in runners.indices {
            if let moment = runners[number].goesOn, ContinuousClock.now >= moment {
                goOn(number)
            }
            guard !runners[number].isDone, runners[number].process.hasEnded else { continue }
            let result = await runners[number].process.wait()
            note(result)
            let hadBegun = result.err.contains(" info ")
            switch result.status {
            case 0:
                runners[number].isDone = true
                continue
            case 12 where result.err.contains("the disk of the queue"): break
            // A run that finds no server at its start does not wait for one.
            case 3 where !hadBegun && result.err.contains("cannot be reached"): break
            case _:
                throw Failure("a run ended with \(result.status): \(result.err)")
            }
            if hadBegun { countDeath() }
            try startAgain(number)
        }
    }

    private mutating func startAgain(_ number: Int) throws {
        let runner = runners[number]
        runners[number].process = try start(queue: runner.queue, folder: runner.folder)
    }

    private mutating func note(_ result: Program.Result) {
        takeOvers += result.err.components(separatedBy: "this run attaches anew").count - 1
    }

    private mutating func goOn(_ number: Int) {
        guard runners[number].goesOn != nil else { return }
        runners[number].goesOn = nil
        runners[number].process.kill(SIGCONT)
    }

    // MARK: - Strikes

    /// - Returns: Whether the strike could be carried out.
    private mutating func happens(_ strike: Strike) async throws -> Bool {
        let alive = runners.indices.filter {
            !runners[$0].isDone && !runners[$0].process.hasEnded && runners[$0].goesOn == nil
        }
        guard let number = alive.randomElement(using: &random) else { return false }
        switch strike {
        case .kill, .replace:
            runners[number].process.kill(SIGKILL)
            note(await runners[number].process.wait())
            countDeath()
            if strike == .replace {
                let folder = "out\(folders.count)"
                folders.append(folder)
                runners[number].folder = folder
            }
            try startAgain(number)
        case .stop:
            // Somebody has to take them over.
            guard alive.count > Self.size - 4 else { return false }
            runners[number].process.kill(SIGSTOP)
            countDeath()
            let isLong = waitsForLeases && Bool.random(using: &random)
            if !isLong { loseLock(of: runners[number].process) }
            let millis = Int.random(in: isLong ? 32_000...50_000 : 1000...8000, using: &random)
            runners[number].goesOn = .now + .milliseconds(millis)
        case .endConnections:
            server.attempt(
                """
                SELECT pg_terminate_backend(pid) FROM pg_stat_activity
                WHERE application_name = 'runner' AND random() < 0.5
                """)
        case .killBackend:
            guard server.isOwn else { return false }
            let pids = server.attempt(
                "SELECT pid FROM pg_stat_activity WHERE application_name = 'runner' ORDER BY pid")
            guard let pid = pids.randomElement(using: &random).flatMap({ Int32($0) }) else {
                return false
            }
            kill(pid, SIGKILL)
        case .crashServer:
            guard server.isOwn else { return false }
            crashServer()
        case .fillDisk:
            guard server.hasDisk else { return false }
            try await fillDisk()
        }
        return true
    }

    /// Has the server without room for some seconds: tables cannot grow, and in half of the cases the
    /// log of transactions cannot either, which ends the server.
    private mutating func fillDisk() async throws {
        let begin = ContinuousClock.now
        server.fillDisk()
        outage = (begin, begin)
        if Bool.random(using: &random) {
            for _ in 0..<8 { server.attempt("SELECT pg_switch_wal()") }
        }
        let end = begin + .milliseconds(Int.random(in: 1000...4000, using: &random))
        while ContinuousClock.now < end {
            outage?.end = .now
            try await tend()
            try await Task.sleep(for: .milliseconds(100))
        }
        server.freeDisk()
        outage?.end = .now
    }

    private mutating func crashServer() {
        let begin = ContinuousClock.now
        server.crash()
        outage = (begin, .now)
    }

    /// Has a run's lock look as if its process were gone, where the run has attached.
    private func loseLock(of run: Program.Running) {
        let instances = server.attempt(
            "SELECT instance FROM runner.runner WHERE pid = \(run.pid)", at: url)
        for instance in instances {
            let path = "/tmp/runner-\(geteuid())/\(instance)"
            if unlink(path) == 0 { close(open(path, O_CREAT | O_RDWR, 0o600)) }
        }
    }

    // MARK: - The end

    /// The requests that a run makes in a time, at most.
    private func requests(in seconds: Double) -> Int {
        workers + Int(seconds * Double(workers) * 1000 / Double(delayMillis))
    }

    /// Counts what a run that ends or stands still now may have fetched and not committed: what is in flight, what is
    /// gathered for a commit and while that is written, and what an outage has held up.
    private mutating func countDeath() {
        var seconds = 0.5
        if let outage, ContinuousClock.now - outage.end < .seconds(3) {
            seconds += min((ContinuousClock.now - outage.begin) / .seconds(1), 15)
        }
        deaths.count += 1
        deaths.requests += requests(in: seconds)
    }

    /// The repeats that deaths explain, and runs that were taken for dead while they worked, of which
    /// each may have sent requests for half a lease.
    private var repeatsMax: Int {
        deaths.requests + max(0, takeOvers - strikes[.stop, default: 0]) * requests(in: 15.5)
    }

    /// Has each folder whose run did not come back cut to what counts.
    private func closeFolders() async throws {
        for folder in Set(folders).subtracting(runners.map(\.folder)) {
            let result = try await start(queue: url, folder: folder).wait()
            #expect(result.status == 0, "\(result.err)")
        }
        let verified = try await program.start("runner", ["verify"]).wait(seconds: 900)
        #expect(!verified.out.contains("do not count"), "\(verified.out)")
    }

    /// Checks queue, folders and origin.
    ///
    /// - Returns: What was seen, in a line.
    func expectEachOnce(_ comment: Comment) async throws -> String {
        let verified = try await program.start("runner", ["verify"]).wait(seconds: 900)
        #expect(verified.status == 0 && verified.signal == nil, comment)
        #expect(verified.status == 0, "\(verified.out.suffix(3000))\(verified.err)")
        try await closeFolders()
        let jobs = try await program.status().jobs
        #expect(jobs.completed == sizes.all && jobs.total == sizes.all, comment)
        try program.gather(folders)
        let ends = [0, sizes.list, sizes.list + sizes.flaky, sizes.all]
        let batches = (0..<3).flatMap { ["--jobs", "\(ends[$0])..\(ends[$0 + 1])"] }
        let summary = try await program.checkOutput(
            .jsonl, folder: "gathered",
            more: batches + ["--body", "any", "--url", Self.addresses])
        #expect(summary.completed == sizes.all, comment)
        #expect(try origin.missing(of: sizes.all) == 0, comment)
        let repeated = try origin.hits().repeated - sizes.flaky
        #expect(repeated <= repeatsMax, comment)
        let done = Strike.allCases.map { "\($0) \(strikes[$0] ?? 0)" }.joined(separator: ", ")
        let seconds = Int((ContinuousClock.now - begin) / .seconds(1))
        return """
            \(sizes.all) jobs in \(seconds) s, \(folders.count) folders, \(deaths.count) deaths, \
            \(takeOvers) taken for dead, \(repeated) repeated of \(repeatsMax) allowed; \(done)
            """
    }
}
