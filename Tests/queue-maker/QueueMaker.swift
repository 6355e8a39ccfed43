import ArgumentParser
import JobStore
import TestQueue

/// Makes queues of very many batches, and measures the store on them.
@main
struct QueueMaker: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "queue-maker", abstract: "Make queues of many batches, for tests by hand.",
        subcommands: [Make.self, Drain.self, Look.self])

    struct Make: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Add batches to a queue, which is made if missing; nobody else may use it.")

        @Argument var path: String
        @Option var batches = 100_000
        @Option(help: "Jobs in each batch.") var jobs = 1
        @Option var url = "http://127.0.0.1:8080/{id}"

        func run() async throws {
            try await ManyBatches.add(batches, jobs: jobs, url: url, to: path)
        }
    }

    struct Drain: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Claim and commit all jobs, without fetching them.")

        @Argument var path: String
        @Option var jobsPerCommit = 5_000

        func run() async throws {
            let queue = try SQLiteQueue(path: path, access: .write)
            let lease = try await queue.attach(RunnerDescription(pid: 1, workers: 1))
            let jobs = lease.attachment.counts.available
            let (claims, commits) = try await ManyBatches.drain(
                lease, jobsPerCommit: jobsPerCommit)
            try await lease.detach()
            await queue.close()
            let perSecond = Int(Double(jobs) / ((claims + commits) / .seconds(1)))
            print("\(jobs) jobs: claims \(claims), commits \(commits), \(perSecond) jobs/s")
        }
    }

    struct Look: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Time what status, verify and export read.")

        @Argument var path: String

        func run() async throws {
            let queue = try SQLiteQueue(path: path, access: .read)
            let clock = ContinuousClock()
            let counts = try await clock.measure { _ = try await queue.counts() }
            var faults: [String] = []
            let verify = try await clock.measure { faults = try await queue.verify() }
            let pages = try await clock.measure {
                var place: LedgerPlace? = .start
                while let from = place { place = try await queue.page(from: from).next }
            }
            await queue.close()
            print("counts \(counts), verify \(verify), pages \(pages)")
            for fault in faults { print("fault: \(fault)") }
        }
    }
}
