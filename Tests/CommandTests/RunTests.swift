import Foundation
import JobStore
import TestSupport
import Testing

/// A run that stays for jobs to come.
@Suite struct FollowTests {
    private let program = Program()

    @Test func follow_fetchesWhatIsAddedLater_untilASignal() async throws {
        let origin = try await TestOrigin()
        try await program.enqueue(10, origin, "{id}")
        let run = try program.start("runner", ["run", "--follow", "--output", "out"])
        try await run.wait { try origin.hits().distinct == 10 }
        try await program.runner(
            "enqueue", "--range", "10..30", "--url", "\(origin.url)/{id}"
        ).expectSuccess()
        write(
            Array((30..<50).map { "\(origin.url)/\($0)\n" }.joined().utf8),
            to: program.folder.file("urls"))
        try await program.runner("enqueue", "urls").expectSuccess()
        try await run.wait { try origin.hits().distinct == 50 }
        try await run.wait { try await program.jobs()["completed"] == 50 }
        run.kill(SIGINT)
        // Nothing was left: as after any run.
        #expect(await run.wait(seconds: 20).status == 0)
        try await program.expectVerified()
    }

    @Test func idleExit_endsARunThatHasNothingToDo() async throws {
        let origin = try await TestOrigin()
        try await program.enqueue(10, origin, "{id}")
        let result = try await program.start("runner", ["run", "-q", "--idle-exit", "1s"])
            .wait(seconds: 20)
        result.expectSuccess()
        #expect(try origin.hits().distinct == 10)
        let refused = try await program.runner("run", "--idle-exit", "soon")
        refused.expectRefusal(2, "soon", "--idle-exit")
    }
}

/// `run` from the outside: signals, neighbours, what it says.
@Suite(.serialized) struct RunTests {
    private let program = Program()

    private func enqueue(_ count: Int, _ url: String) async throws {
        let result = try await program.runner("enqueue", "--range", "0..\(count)", "--url", url)
        #expect(result.status == 0, "\(result.err)")
    }

    @Test func run_fetchesEachJobOnce() async throws {
        let origin = try await TestOrigin()
        try await enqueue(20_000, "\(origin.url)/{id}")
        let result = try await program.runner("run", "--workers", "300")
        #expect(result.status == 0, "\(result.err)")
        #expect(
            result.err.contains(
                "Z info starting runner.db: 0 done, 20,000 left, 0 may be fetched again\n"))
        #expect(result.out.hasPrefix("finished: 20,000 jobs in "))
        let hits = try origin.hits()
        #expect(hits.requests == 20_000 && hits.distinct == 20_000)
        let again = try await program.runner("run", "--json")
        #expect(again.status == 0)
        #expect(try origin.hits().requests == 20_000)
    }

    @Test func run_exitsWith1_whenJobsFailed() async throws {
        let origin = try await TestOrigin()
        try await enqueue(10, "\(origin.url)/status/404/{id}")
        let result = try await program.runner("run")
        #expect(result.status == 1)
        #expect(
            try await program.status().outcomes == [
                .init(outcome: "404", state: "failed", count: 10)
            ])
    }

    // MARK: - Signals

    @Test(arguments: [SIGTERM, SIGINT, SIGHUP])
    func oneSignal_drains_andNothingIsRepeated(signal: Int32) async throws {
        let origin = try await TestOrigin()
        try await enqueue(3000, "\(origin.url)/delay/100/{id}")
        for _ in 0..<3 {
            let before = try origin.hits().requests
            let run = try program.start("runner", ["run", "--workers", "100"])
            try await run.wait { try origin.hits().requests >= before + 150 }
            run.kill(signal)
            let result = await run.wait(seconds: 20)
            #expect(result.status == 11, "\(result.err)")
            #expect(result.err.contains("finishing the requests in flight"))
            #expect(result.out.contains("run again to resume"))
            let status = try await program.status()
            #expect(
                status.jobs.completed == (try origin.hits().requests) && status.jobs.running == 0)
        }
        let last = try await program.runner("run", "--workers", "500")
        #expect(last.status == 0)
        #expect(last.err.contains(", 0 may be fetched again"))
        let hits = try origin.hits()
        #expect(hits.requests == 3000 && hits.distinct == 3000)
    }

    @Test func aSecondSignal_stopsAtOnce_andGivesBackWhatWasInFlight() async throws {
        let origin = try await TestOrigin()
        try await enqueue(200, "\(origin.url)/delay/20000/{id}")
        let run = try program.start("runner", ["run", "--workers", "50"])
        try await run.wait { try origin.hits().requests == 50 }
        run.kill(SIGINT)
        try await run.wait { run.err.contains("finishing") }
        run.kill(SIGINT)
        let result = await run.wait(seconds: 10)
        #expect(result.status == 11, "\(result.err)")
        let status = try await program.status()
        #expect(status.jobs.available == 200 && status.jobs.running == 0)
    }

    @Test func graceEndsADrain() async throws {
        let origin = try await TestOrigin()
        try await enqueue(10, "\(origin.url)/silent/{id}")
        let run = try program.start("runner", ["run", "--workers", "5", "--grace", "0.2"])
        try await run.wait { try origin.hits().requests == 5 }
        run.kill(SIGTERM)
        let result = await run.wait(seconds: 10)
        #expect(result.status == 11)
        #expect(try await program.status().jobs.available == 10)
    }

    @Test func aSignalBeforeTheFirstRequest_leavesAResumableQueue() async throws {
        let origin = try await TestOrigin()
        try await enqueue(500, "\(origin.url)/{id}")
        for delayMicros in stride(from: 0, to: 40_000, by: 2500) {
            let run = try program.start("runner", ["run", "--workers", "2"])
            try await Task.sleep(for: .microseconds(delayMicros))
            run.kill(SIGTERM)
            let result = await run.wait(seconds: 10)
            #expect(result.signal == SIGTERM || [0, 11].contains(result.status), "\(result)")
        }
        #expect(try await program.runner("run").status == 0)
        #expect(try origin.hits().distinct == 500)
    }

    // MARK: - Neighbours

    @Test func aSecondRun_isRefused_andNamesTheFirst() async throws {
        let origin = try await TestOrigin()
        try await enqueue(1000, "\(origin.url)/delay/50/{id}")
        let run = try program.start("runner", ["run", "--workers", "10"])
        try await run.wait { try origin.hits().requests > 0 }
        let second = try await program.runner("run")
        #expect(second.status == 4)
        #expect(second.err.hasPrefix("runner: process \(run.pid) runs the queue"))
        run.kill(SIGKILL)
        await run.wait()
        // A dead runner's work is free at once.
        let third = try await program.runner("run", "--workers", "200")
        #expect(third.status == 0)
    }

    @Test func enqueueAndStatusWork_duringARun_whichPicksUpWhatWasAdded() async throws {
        let origin = try await TestOrigin()
        try await enqueue(2000, "\(origin.url)/delay/100/{id}")
        let run = try program.start("runner", ["run", "--workers", "100"])
        try await run.wait { try origin.hits().requests > 0 }
        let added = try await program.runner(
            "enqueue", "--range", "5000..5500", "--url", "\(origin.url)/{id}")
        #expect(added.status == 0, "\(added.err)")
        try await run.wait { try await program.status().jobs.completed > 0 }
        let status = try await program.status()
        #expect(status.jobs.total == 2500)
        #expect(
            status.run?.pid == Int(run.pid) && status.run?.workers == 100
                && status.run?.active == true)
        #expect(status.jobs.available + status.jobs.running + status.jobs.completed == 2500)
        let result = await run.wait()
        #expect(result.status == 0)
        let done = try await program.status()
        #expect(done.jobs.completed == 2500 && done.run == nil)
        #expect(try origin.hits().distinct == 2500)
    }

    @Test func aKilledRunnersJobs_countAsAvailable() async throws {
        let origin = try await TestOrigin()
        try await enqueue(100, "\(origin.url)/silent/{id}")
        let run = try program.start("runner", ["run", "--workers", "10"])
        try await run.wait { try origin.hits().requests == 10 }
        #expect(try await program.status().jobs.running == 100)
        run.kill(SIGKILL)
        await run.wait()
        let status = try await program.status()
        #expect(status.jobs.running == 0 && status.jobs.available == 100 && status.run == nil)
    }

    // MARK: - Trouble

    @Test func anUnreachableHost_pausesTheRun_andCostsNoAttempts() async throws {
        let origin = try await TestOrigin()
        let port = origin.port
        try await enqueue(300, "\(origin.url)/{id}")
        origin.stop()
        let run = try program.start("runner", ["run", "--workers", "50", "--retries", "2"])
        // Long enough for 300 jobs to burn three attempts each, were they counted.
        try await Task.sleep(for: .seconds(4))
        let paused = try await program.status()
        #expect(paused.jobs.failed == 0 && paused.jobs.retrying <= 100)
        let back = try await TestOrigin("--port", "\(port)")
        let result = await run.wait(seconds: 60)
        #expect(result.status == 0, "\(result.err)")
        #expect(try back.hits().distinct == 300)
    }

    @Test func aStall_stopsTheRun() async throws {
        let origin = try await TestOrigin()
        try await enqueue(300, "\(origin.url)/{id}")
        origin.stop()
        let result = try await program.runner("run", "--workers", "50", "--max-stall", "2")
        #expect(result.status == 12, "\(result.err)")
        #expect(result.out.hasPrefix("stalled: "))
        #expect(result.out.contains(" left: http://127.0.0.1:"), "\(result.out)")
        #expect(result.out.contains("; run again to resume\n"), "\(result.out)")
        #expect(try await program.status().jobs.failed == 0)
    }

    @Test func outOfDescriptors_isRefused_withTheCure() async throws {
        try await enqueue(10, "http://127.0.0.1:1/{id}")
        let run = try program.start(
            "/usr/bin/prlimit",
            ["--nofile=256:256", Program.products + "/runner", "run", "--workers", "1000"])
        let result = await run.wait()
        #expect(result.status == 2)
        #expect(result.err.contains("ulimit -n") && result.err.contains("--workers "))
        #expect(result.err.split(separator: "\n").count == 1)
    }
}

extension TestOrigin {
    func stop() {
        process.kill(SIGKILL)
    }
}
