import Foundation
import TestSupport
import Testing

/// `pause`, `resume` and `set`, beside a run in another process.
@Suite(.serialized) struct LiveTests {
    private let program = Program()

    private func enqueue(_ count: Int, _ url: String) async throws {
        try await program.runner("enqueue", "--range", "0..\(count)", "--url", url).expectSuccess()
    }

    private func isPaused() async throws -> Bool? {
        try await program.runner("status", "--json").json["paused"] as? Bool
    }

    /// The time from now on until the last request arrives: none does for two seconds.
    private func timeToSilence(at origin: TestOrigin, of run: Program.Running) async throws
        -> Duration
    {
        let begin = ContinuousClock.now
        var (seen, changed) = (-1, begin)
        try await run.wait {
            let requests = try origin.hits().requests
            if requests != seen { (seen, changed) = (requests, ContinuousClock.now) }
            return ContinuousClock.now - changed > .seconds(2)
        }
        return changed - begin
    }

    // MARK: - Pauses

    @Test func pause_holdsARunBack_untilResume_andAllJobsAreFetchedOnce() async throws {
        let origin = try await TestOrigin()
        try await enqueue(1500, "\(origin.url)/delay/50/{id}")
        let run = try program.start("runner", ["run", "-w", "20"])
        try await run.wait { try origin.hits().requests > 100 }
        let paused = try await program.runner("pause")
        paused.expectSuccess()
        #expect(paused.out.contains("process \(run.pid) ends") && paused.out.contains("resume"))
        // A second, and time for machines that do something else, too.
        #expect(try await timeToSilence(at: origin, of: run) < .seconds(1.5))
        let requests = try origin.hits().requests
        #expect(requests < 1500)
        // What was in flight counts.
        #expect(try await program.status().jobs.completed == requests)
        #expect(try await isPaused() == true)
        let status = try await program.runner("status")
        #expect(status.out.contains("paused: nothing is sent until: runner resume"))
        #expect(try await program.status().run?.etaS == nil)
        let again = try await program.runner("pause", "--json")
        #expect(try again.json["new"] as? Bool == false && again.status == 0)

        let resumed = try await program.runner("resume", "--json")
        #expect(try resumed.json["new"] as? Bool == true)
        #expect(try resumed.json["pid"] as? Int == Int(run.pid))
        let result = await run.wait(seconds: 60)
        #expect(result.status == 0, "\(result.err)")
        #expect(result.err.contains("Z info paused: nothing is sent until: runner resume\n"))
        #expect(result.err.contains("Z info resumed\n"))
        #expect(result.out.contains("/s, paused for "), "\(result.out)")
        let hits = try origin.hits()
        #expect(hits.distinct == 1500 && hits.repeated == 0)
        #expect(try await program.runner("resume").out.contains("was not paused"))
        try await program.expectVerified()
    }

    @Test func aRunThatStartsPaused_waits_alsoAfterAKill_andStopsAsEver() async throws {
        let origin = try await TestOrigin()
        try await enqueue(50, "\(origin.url)/{id}")
        #expect(
            try await program.runner("pause").out.contains("a run that is started waits until"))
        for signal in [SIGKILL, SIGINT, SIGTERM] {
            let run = try program.start("runner", ["run", "-q", "--max-stall", "1"])
            try await run.wait { run.err.contains("paused: nothing is sent until") }
            _ = try await timeToSilence(at: origin, of: run)
            run.kill(signal)
            let result = await run.wait(seconds: 20)
            #expect(signal == SIGKILL ? result.signal == SIGKILL : result.status == 11)
            #expect(try await isPaused() == true)
        }
        let timed = try await program.runner("run", "-q", "--run-time", "1")
        #expect(timed.status == 12 && timed.out.contains("--run-time"), "\(timed.out)")
        #expect(try origin.hits().requests == 0)
        let run = try program.start("runner", ["run"])
        try await run.wait { run.err.contains("paused: nothing is sent until") }
        try await program.runner("resume").expectSuccess()
        #expect(await run.wait(seconds: 20).status == 0)
        #expect(try origin.hits().requests == 50)
        // Nothing is left to wait for.
        try await program.runner("pause").expectSuccess()
        #expect(try await program.start("runner", ["run", "-q"]).wait(seconds: 20).status == 0)
        try await program.expectVerified()
    }

    /// Retries that are due wait, too.
    @Test func retries_waitWhilePaused() async throws {
        let origin = try await TestOrigin()
        try await enqueue(20, "\(origin.url)/flaky/2/500/{id}")
        let run = try program.start("runner", ["run", "-w", "5", "--retry-delay", "3"])
        try await run.wait { try origin.hits().requests >= 20 }
        try await program.runner("pause").expectSuccess()
        _ = try await timeToSilence(at: origin, of: run)
        #expect(try await timeToSilence(at: origin, of: run) < .seconds(0.5))
        try await program.runner("resume").expectSuccess()
        let result = await run.wait(seconds: 60)
        #expect(result.status == 0, "\(result.err)")
        #expect(try origin.hits().requests == 40)
    }

    @Test func pause_thatIsKilled_leavesTheQueueSound() async throws {
        var random = SeededGenerator(seed: testSeed(for: "pause_thatIsKilled"))
        let origin = try await TestOrigin()
        try await enqueue(2000, "\(origin.url)/delay/20/{id}")
        let run = try program.start("runner", ["run", "-w", "10", "-q"])
        for round in 0..<12 {
            let command = try program.start("runner", [round % 2 == 0 ? "pause" : "resume"])
            try await Task.sleep(for: .milliseconds(Int.random(in: 0...40, using: &random)))
            command.kill(SIGKILL)
            _ = await command.wait()
            #expect(try await isPaused() != nil)
        }
        try await program.runner("resume").expectSuccess()
        #expect(await run.wait(seconds: 60).status == 0)
        let hits = try origin.hits()
        #expect(hits.distinct == 2000 && hits.repeated == 0)
        try await program.expectVerified()
    }

    // MARK: - Limits

    /// What the origin sees of the next requests.
    private func next(
        _ count: Int, at origin: BusyOrigin, of run: Program.Running
    ) async throws -> BusyOrigin.Report {
        try origin.reset()
        let before = try origin.report().ok
        try await run.wait { try origin.report().ok >= before + count }
        return try origin.report()
    }

    @Test func set_changesTheRunThatGoesOn_andNoLaterOne() async throws {
        let origin = try await BusyOrigin(["plain", "100"])
        try await enqueue(1_000_000, "\(origin.url)/{id}")
        let run = try program.start("runner", ["run", "-w", "40"])
        try await run.wait { try origin.report().inFlight > 30 }

        try await expect("--workers", "5", inFlight: 4...5, of: run, at: origin)
        let document = try await program.runner("status", "--json").json
        let shown = try #require(document["run"] as? [String: Any])
        #expect((shown["limits"] as? [String: Int]) == ["workers": 5])
        #expect(shown["limits_taken"] as? Bool == true && shown["workers"] as? Int == 40)
        try await expect("--workers", "1", inFlight: 1...1, of: run, at: origin)
        try await expect("--workers", "40", inFlight: 30...40, of: run, at: origin)
        try await expect("--per-host", "3", inFlight: 2...3, of: run, at: origin)
        try await expect("--per-host", "0", inFlight: 30...40, of: run, at: origin)

        try await set("--rate", "20/s")
        let slow = try await next(30, at: origin, of: run)
        #expect(slow.mostInASecond <= 24, "\(slow)")
        #expect(
            try await program.runner("status").out
                .contains("set: --workers 40 --rate 20/s --per-host 0\n"))
        try await set("--rate", "none")
        try await run.wait { try origin.report().inFlight > 30 }

        try await program.runner("set", "--workers", "41").expectRefusal(
            2, "--workers is 41", "room for 40")
        try await set("--workers", "2")
        run.kill(SIGKILL)
        _ = await run.wait()
        #expect(run.err.contains("Z info set: --workers 5\n"))
        // Or those of the killed run would be taken for the later one's.
        while try origin.report().inFlight > 0 { try await Task.sleep(for: .milliseconds(20)) }
        let later = try program.start("runner", ["run", "-w", "40", "-q"])
        try await later.wait { try origin.report().inFlight > 30 }
        later.kill(SIGINT)
        #expect(await later.wait().status == 11)
        #expect(try origin.report().twice <= 100)
        try await program.expectVerified()
    }

    private func set(_ limits: String...) async throws {
        let result = try await program.start("runner", ["set"] + limits).wait()
        result.expectSuccess()
        #expect(result.out.contains("set \(limits.joined(separator: " ")): process"))
    }

    /// Sets a limit, and expects so many requests in flight once those beyond it have ended.
    private func expect(
        _ option: String, _ value: String, inFlight: ClosedRange<Int>, of run: Program.Running,
        at origin: BusyOrigin, sourceLocation: SourceLocation = #_sourceLocation
    ) async throws {
        try await set(option, value)
        try await run.wait { inFlight.contains(try origin.report().inFlight) }
        // Those that were on their way have arrived by then.
        _ = try await next(inFlight.upperBound, at: origin, of: run)
        let report = try await next(4 * inFlight.upperBound, at: origin, of: run)
        #expect(
            inFlight.contains(report.mostInFlight), "\(value): \(report)",
            sourceLocation: sourceLocation)
    }

    @Test func set_isRefused_whereNoRunGoesOn_andWithoutLimits() async throws {
        try await program.runner("enqueue", "--range", "0..5").expectSuccess()
        try await program.runner("set", "--workers", "3").expectRefusal(2, "no run of runner.db")
        try await program.runner("set").expectRefusal(2, "--workers, --rate")
        for (option, value) in [
            ("--workers", "0"), ("--rate", "fast"), ("--per-host", "-1"), ("--delay", "x"),
        ] {
            try await program.runner("set", option, value).expectRefusal(2, option)
        }
        try await program.runner("pause", "--queue", "no.db").expectRefusal(3, "no.db")
    }

    /// A run that is stopped by `kill -STOP` takes nothing in: the command says so, and when it goes
    /// on, it does.
    @Test func set_isLeftForARun_thatDoesNotAnswer() async throws {
        let origin = try await BusyOrigin(["plain", "50"])
        try await enqueue(1_000_000, "\(origin.url)/{id}")
        let run = try program.start("runner", ["run", "-w", "20", "-q"])
        try await run.wait { try origin.report().inFlight > 10 }
        run.kill(SIGSTOP)
        let left = try await program.runner("set", "--delay", "0.5", "--host-rate", "1/s")
        // Where it was stopped in a write, nobody can write.
        if left.status == 0 {
            #expect(left.out.contains("not taken in yet") && left.out.contains("runner status"))
            #expect(try await program.runner("status").out.contains("(not taken in yet)"))
        } else {
            #expect(left.status == 4)
        }
        run.kill(SIGCONT)
        if left.status == 0 {
            try await run.wait {
                try await program.runner("status").out
                    .contains("set: --host-rate 1/s --delay 0.5\n")
            }
        }
        run.kill(SIGKILL)
        _ = await run.wait()
    }
}
