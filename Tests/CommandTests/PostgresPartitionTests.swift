import Foundation
import TestPostgres
import TestSupport
import Testing

/// Runs that lose their queue in PostgreSQL for a while, or that are taken for dead.
/// `RUNNER_TEST_PARTITION=90` cuts one off for three leases.
@Suite(.serialized) struct PostgresPartitionTests {
    private let program: Program
    private let url: String

    init() throws {
        var program = Program()
        url = try PostgresServer.shared.makeDatabase().url
        program.environment["RUNNER_QUEUE"] = url
        self.program = program
    }

    private func enqueue(_ count: Int, _ origin: BusyOrigin) async throws {
        try await program.runner(
            "enqueue", "--range", "0..\(count)", "--url", "\(origin.url)/{id}"
        ).expectSuccess()
    }

    /// Nothing is sent from half a lease on, though there is much to do; then the run goes on, or comes
    /// back where another one has its jobs.
    @Test(.timeLimit(.minutes(5)))
    func aRun_thatIsCutOff_stopsSending_andGoesOnByItself() async throws {
        let seconds = setting("RUNNER_TEST_PARTITION", default: 20)
        let isTakenOver = seconds > 45
        let jobs = isTakenOver ? 4000 + 100 * seconds : 2400
        let relay = try await StallingRelay(to: url)
        let origin = try await BusyOrigin(["plain", "200"])
        func sent() throws -> Int { try origin.report().agents["a"] ?? 0 }
        try await enqueue(jobs, origin)
        var cutOff = program
        cutOff.environment["RUNNER_QUEUE"] = relay.relayed
        let run = try cutOff.start("runner", ["run", "-w", "20", "-A", "a", "--output", "a"])
        // Until it knows its rate, and has claimed ahead by it.
        try await run.wait { try sent() > 400 }
        var other: Program.Running?
        if isTakenOver {
            other = try program.start("runner", ["run", "-w", "20", "-A", "b", "--output", "b"])
            try await run.wait { try origin.report().agents["b"] ?? 0 > 100 }
        }
        relay.cut()
        try await Task.sleep(for: .seconds(10))
        let atTen = try sent()
        try await Task.sleep(for: .seconds(1))
        // Half a lease is not over.
        #expect(try sent() > atTen)
        try await Task.sleep(for: .seconds(5))
        let atSixteen = try sent()
        #expect(atSixteen > atTen)
        try await Task.sleep(for: .seconds(seconds - 16))
        #expect(try sent() == atSixteen, "\(run.err)")
        relay.mend()
        // The other one has claimed ahead what is left, perhaps.
        try await run.wait {
            try isTakenOver ? run.err.contains("attached anew") : sent() > atSixteen
        }
        let result = await run.wait()
        #expect(result.status == 0, "\(result.err)")
        #expect(result.err.contains("paused: nothing was heard of the queue"), "\(result.err)")
        #expect(result.err.contains("this run attaches anew") == isTakenOver, "\(result.err)")
        if let other { #expect(await other.wait().status == 0, "\(other.err)") }
        try await expectEachOnce(jobs)
        #expect(try origin.report().twice <= (isTakenOver ? 2500 : 0))
    }

    /// For longer than a look is repeated.
    @Test func aRun_thatIsDone_waitsForItsQueue_toTellWhatWasDone() async throws {
        // The last that a run changes is that it has left.
        let relay = try await StallingRelay(
            to: url, ["--away", "8", "DELETE FROM runner.wish WHERE runner_id"])
        let origin = try await BusyOrigin(["plain", "5"])
        try await enqueue(40, origin)
        var relayed = program
        relayed.environment["RUNNER_QUEUE"] = relay.relayed
        let run = try relayed.start("runner", ["run", "-w", "4", "--output", "a"])
        try await run.wait { relay.process.out.contains("away") }
        let result = await run.wait()
        #expect(result.status == 0, "\(result.err)")
        #expect("\(result.out)\(result.err)".contains("40 completed"), "\(result.err)")
        try await expectEachOnce(40)
    }

    /// As one whose machine slept for a night: it comes back with its folder.
    @Test func aRun_thatWasTakenForDead_comesBack() async throws {
        let origin = try await BusyOrigin(["plain", "30"])
        try await enqueue(12_000, origin)
        let first = try program.start("runner", ["run", "-w", "20", "--output", "a"])
        try await first.wait { try origin.report().ok > 500 }
        let second = try program.start("runner", ["run", "-w", "20", "--output", "b"])
        try await second.wait { try origin.report().ok > 1500 }
        try loseLock(of: first)
        try await first.wait { first.err.contains("attached anew") }
        let results = [await first.wait(), await second.wait()]
        #expect(results.map(\.status) == [0, 0], "\(results.map(\.err))")
        #expect(results[0].err.contains("this run attaches anew"))
        try await expectEachOnce(12_000)
        // What was in flight, and not committed.
        #expect(try origin.report().twice < 400)
    }

    /// A fleet whose runs often begin in new folders has thousands of these in time. What a run is told
    /// as it begins must not grow with them: by a network that breaks now and then it would never come.
    @Test func aRun_beginsByAnUnsteadyNetwork_howeverManyFoldersThereAre() async throws {
        let seed = testSeed(for: "aRun_beginsByAnUnsteadyNetwork")
        let origin = try await BusyOrigin(["plain", "5"])
        try await enqueue(20, origin)
        _ = try PostgresServer.shared.execute(
            """
            INSERT INTO runner.site (id, folder, identity)
            SELECT n, '/elsewhere/' || n, repeat(md5(n::text), 2) FROM generate_series(1, 2000) n
            """, at: url)
        // A connection breaks after 20,000 bytes of answers; that many folders would be 200,000.
        let relay = try await StallingRelay(to: url, ["160000", "\(seed)"])
        var relayed = program
        relayed.environment["RUNNER_QUEUE"] = relay.relayed
        var result: Program.Result
        var tries = 0
        repeat {
            result = try await relayed.start(
                "runner", ["run", "-w", "4", "--output", "a", "--max-stall", "20"]
            ).wait()
            tries += 1
        } while result.status == 3 && result.err.contains("cannot be reached") && tries < 3
        #expect(result.status == 0, "\(result.err)")
        #expect(try await program.status().jobs.completed == 20)
    }

    /// Asked to stop before it comes back, it stops: its jobs are others'.
    @Test func aRun_thatIsAskedToStop_andTakenForDead_stops() async throws {
        let origin = try await BusyOrigin(["plain", "6000"])
        try await enqueue(4000, origin)
        let first = try program.start("runner", ["run", "-w", "20"])
        try await first.wait { try origin.report().inFlight == 20 }
        let second = try program.start("runner", ["run", "-w", "1"])
        first.kill(SIGINT)
        try await first.wait { first.err.contains("finishing the requests in flight") }
        try loseLock(of: first)
        #expect(await first.wait().status == 11, "\(first.err)")
        second.kill(SIGKILL)
        await second.wait()
    }

    /// Has a run's lock look as if its process were gone.
    private func loseLock(of run: Program.Running) throws {
        let instance = try #require(
            try PostgresServer.shared.execute(
                "SELECT instance FROM runner.runner WHERE pid = \(run.pid)", at: url))
        let path = "/tmp/runner-\(geteuid())/\(instance)"
        #expect(unlink(path) == 0)
        close(open(path, O_CREAT | O_RDWR, 0o600))
    }

    private func expectEachOnce(_ count: Int) async throws {
        let verified = try await program.runner("verify")
        #expect(verified.status == 0, "\(verified.out)\(verified.err)")
        let status = try await program.status()
        #expect(status.jobs.completed == count)
    }
}
