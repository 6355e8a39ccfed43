import Foundation
import JobStore
import Stores
import TestPostgres
import TestSupport
import Testing

/// Runs of the built program that share a queue in PostgreSQL.
@Suite(.serialized) struct PostgresFleetTests {
    private let program: Program

    init() throws {
        var program = Program()
        program.environment["RUNNER_QUEUE"] = try PostgresServer.shared.makeDatabase().url
        self.program = program
    }

    @Test func retries_ofARunThatDied_areTriedByAnother() async throws {
        let origin = try await TestOrigin()
        try await program.runner(
            "enqueue", "--range", "0..300", "--url", "\(origin.url)/flaky/2/503/{id}")
        // Slowly, so that the first is not done before the second has come.
        let arguments = ["run", "--workers", "50", "--no-adapt", "--rate", "60/s"]
        let first = try program.start("runner", arguments)
        try await first.wait { try await program.status().jobs.retrying > 20 }
        let second = try program.start("runner", arguments)
        try await second.wait { try await runCount() == 2 }
        #expect(try await program.runner("status").out.contains("running: 2 runs, 100 workers"))
        let set = try await program.runner("set", "--per-host", "40")
        #expect(set.out.contains("2 runs keep to it"), "\(set.out)\(set.err)")
        first.kill(SIGKILL)
        await first.wait()
        let result = await second.wait()
        #expect(result.status == 0, "\(result.err)")
        let status = try await program.status()
        #expect(status.jobs.completed == 300 && status.jobs.retrying == 0)
        #expect(try await program.runner("verify").status == 0)
    }

    /// What others have completed is in their folders; what was completed before all of them is in
    /// none.
    @Test(arguments: [0, 5])
    func aRunThatJoins_tellsOfJobsInNoFolder(unrecorded: Int) async throws {
        let origin = try await TestOrigin()
        if unrecorded > 0 {
            try await program.runner(
                "enqueue", "--range", "0..\(unrecorded)", "--url", "\(origin.url)/{id}"
            ).expectSuccess()
            #expect(try await program.runner("run").status == 0)
        }
        try await program.runner(
            "enqueue", "--range", "5..5000", "--url", "\(origin.url)/delay/20/{id}"
        ).expectSuccess()
        let first = try program.start("runner", ["run", "-w", "2", "--output", "a"])
        try await first.wait { try origin.hits().requests > 50 }
        let second = try program.start("runner", ["run", "-w", "2", "--output", "b"])
        try await second.wait { try await runCount() == 2 && second.err.contains("resuming") }
        for run in [first, second] {
            run.kill(SIGINT)
            let result = await run.wait()
            #expect(result.status == 11, "\(result.err)")
            let told = "info 5 jobs were completed before there was an output"
            #expect(result.err.contains(told) == (unrecorded > 0), "\(result.err)")
            #expect(result.err.contains("completed before") == (unrecorded > 0), "\(result.err)")
        }
    }

    @Test func fewJobs_thatTakeLong_areFetchedByAll() async throws {
        let origin = try await TestOrigin()
        try await program.runner(
            "enqueue", "--range", "0..300", "--url", "\(origin.url)/delay/200/{id}"
        ).expectSuccess()
        let folders = ["a", "b"]
        let runs = try folders.map {
            try program.start("runner", ["run", "-w", "5", "--no-adapt", "--output", $0])
        }
        for run in runs {
            let result = await run.wait()
            #expect(result.status == 0, "\(result.err)")
        }
        let counts = try folders.map { folder in
            try program.files(in: folder).filter { $0.key.hasSuffix(".jsonl") }.values
                .reduce(0) { $0 + $1.count { $0 == UInt8(ascii: "\n") } }
        }
        #expect(counts.reduce(0, +) == 300 && counts.allSatisfy { $0 > 50 }, "\(counts)")
    }

    @Test func lists_areFetchedByAll_aHostByOneAtATime() async throws {
        let origin = try await TestOrigin()
        let names = (1...40).map { "h\($0).test" }
        let resolved = names.flatMap { ["--resolve", "\($0):\(origin.port):127.0.0.1"] }
        let lines = (0..<4000).map { id in
            "\(origin.url.replacing("127.0.0.1", with: names[id % 40]))/delay/5/\(id)\n"
        }.joined()
        write(Array(lines.utf8), to: program.folder.file("list"))
        let added = try await program.runner("enqueue", "list", "--name", "l")
        #expect(added.status == 0 && added.out.contains("4,000"), "\(added.out)\(added.err)")
        let runs = try (0..<3).map {
            try program.start(
                "runner", ["run", "--workers", "20", "--output", "out\($0)"] + resolved)
        }
        try await runs[1].wait { try await program.status().jobs.completed > 500 }
        runs[1].kill(SIGKILL)
        await runs[1].wait()
        for index in [0, 2] {
            let result = await runs[index].wait()
            #expect(result.status == 0, "\(result.err)")
        }
        #expect(try await program.runner("run", "--output", "out1").status == 0)
        #expect(try await program.status().jobs.completed == 4000)
        #expect(try await program.runner("verify").status == 0)
        #expect(try origin.missing(of: 4000) == 0)
        let rows = try await program.runner("export", "--state", "completed").out
        #expect(rows.contains("/delay/5/17"))
    }

    /// The live runs of the queue.
    private func runCount() async throws -> Int {
        let queue = try openLedger(at: try #require(program.environment["RUNNER_QUEUE"]))
        let count = try await queue.counts().runs.count
        await queue.close()
        return count
    }

    @Test func commands_workAsOnAFile() async throws {
        let origin = try await TestOrigin()
        let added = try await program.runner(
            "enqueue", "--range", "0..50", "--url", "\(origin.url)/status/404/{id}", "--name", "a")
        #expect(added.status == 0 && added.out.contains("as batch 1"))
        #expect(try await program.runner("run", "--workers", "5").status == 1)
        #expect(try await program.runner("failures").out.contains("404"))
        #expect(try await program.runner("retry", "--all").status == 0)
        #expect(try await program.runner("pause").status == 0)
        #expect(try await program.runner("status").out.contains("paused"))
        #expect(try await program.runner("resume").status == 0)
        #expect(try await program.runner("cancel", "a").status == 0)
        let rows = try await program.runner("export", "--state", "cancelled").out
        #expect(rows.split(separator: "\n").count == 51)
        #expect(try await program.runner("batches").out.contains("50"))
        #expect(try await program.runner("verify").status == 0)
    }

    // MARK: - Refusals

    @Test func listsOfAKind_areRefused() async throws {
        write(Array("http://127.0.0.1/1\n".utf8), to: program.folder.file("list"))
        let streamed = try await program.runner("enqueue", "list", "--streaming")
        #expect(streamed.status == 2 && streamed.err.contains("does not take lists as they come"))
        let unique = try await program.runner("enqueue", "list", "--unique")
        #expect(unique.status == 2 && unique.err.contains("--unique"))
        #expect(try await program.status().jobs.total == 0)
    }

    @Test func passwords_areNotTakenAsArguments_norShown() async throws {
        let named = try await program.runner(
            "status", "--queue", "postgres://me:s3cret@127.0.0.1:9/jobs")
        #expect(named.status == 2 && named.err.contains(".pgpass"))
        var other = Program()
        other.environment["RUNNER_QUEUE"] = "postgres://me:s3cret@127.0.0.1:9/jobs"
        let unreachable = try await other.runner("status")
        #expect(
            unreachable.status == 3 && unreachable.err.contains("postgres://me@127.0.0.1:9/jobs"))
        other.environment["RUNNER_QUEUE"] = "postgres://me:s3%cret@127.0.0.1:9/jobs"
        let malformed = try await other.runner("status")
        #expect(malformed.status == 3)
        for result in [named, unreachable, malformed] {
            #expect(!result.err.contains("s3") && !result.out.contains("s3"))
        }
    }

    @Test func aServerThatMayForget_isRefused() async throws {
        let url = try #require(program.environment["RUNNER_QUEUE"])
        let database = String(url.split(separator: "/").last ?? "")
        try PostgresServer.shared.execute("ALTER DATABASE \(database) SET synchronous_commit = off")
        let result = try await program.runner("enqueue", "--range", "0..5")
        #expect(result.status == 2 && result.err.contains("synchronous_commit off"))
    }
}
