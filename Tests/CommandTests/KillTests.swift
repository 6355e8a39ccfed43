import Foundation
import JobStore
import TestSupport
import Testing

/// The promise under SIGKILL. `RUNNER_TEST_KILLS=100 RUNNER_TEST_JOBS=400000` is the full length.
@Suite(.serialized) struct KillTests {
    @Test(.timeLimit(.minutes(30)))
    func sigkill_atRandomMoments_losesNothing_andRepeatsLittle() async throws {
        let kills = setting("RUNNER_TEST_KILLS", default: 15)
        let jobs = setting("RUNNER_TEST_JOBS", default: 40_000)
        let workers = 200
        let delayMillis = 20
        var random = SeededGenerator(seed: testSeed(for: "sigkill_atRandomMoments"))

        let origin = try await TestOrigin()
        let program = Program()
        try await program.runner(
            "enqueue", "--range", "0..\(jobs)", "--url", "\(origin.url)/delay/\(delayMillis)/{id}")
        for kill in 1...kills {
            let run = try program.start("runner", ["run", "--workers", "\(workers)"])
            // From before the first request to well into the run. Where a machine is so busy that no
            // run gets there, one does.
            try await Task.sleep(for: .milliseconds(Int.random(in: 5...300, using: &random)))
            if kill == kills {
                try await run.wait { try await program.status().jobs.completed > 0 }
            }
            run.kill(SIGKILL)
            let result = await run.wait()
            #expect(result.signal == SIGKILL, "the run ended before kill \(kill): \(result.err)")
            try await expectSound(program)
        }
        let last = try await program.start("runner", ["run", "--workers", "\(workers)"]).wait(
            seconds: 600)
        #expect(last.status == 0, "\(last.err)")
        #expect(last.err.contains("resuming"))
        try await expectSound(program)

        let hits = try origin.hits()
        // A worker has one request in flight, and in a commit interval of 100 ms makes 100 / 20.
        let bound = kills * (workers + workers * 100 / delayMillis)
        print(
            "sigkill_atRandomMoments: \(jobs) jobs, \(kills) kills, \(hits.repeated) repeated, at most \(bound) promised"
        )
        #expect(try origin.missing(of: jobs) == 0)
        #expect(hits.distinct == jobs)
        #expect(hits.repeated <= bound)
        let status = try await program.status()
        #expect(status.jobs.completed == jobs && status.jobs.available == 0)
        #expect(status.outcomes == [.init(outcome: "200", state: "completed", count: jobs)])
    }

    /// The same with the signals that ask: after a drain nothing is repeated, after a second signal
    /// only what was in flight.
    @Test(.timeLimit(.minutes(30)))
    func signals_atRandomMoments_loseNothing_andRepeatOnlyWhatWasCutShort() async throws {
        let signals = setting("RUNNER_TEST_KILLS", default: 12)
        let jobs = setting("RUNNER_TEST_JOBS", default: 40_000)
        let workers = 200
        var random = SeededGenerator(seed: testSeed(for: "signals_atRandomMoments"))

        let origin = try await TestOrigin()
        let program = Program()
        try await program.runner(
            "enqueue", "--range", "0..\(jobs)", "--url", "\(origin.url)/delay/20/{id}")
        var cancels = 0
        for number in 0..<signals {
            let isTwice = number % 3 == 2
            let run = try program.start("runner", ["run", "--workers", "\(workers)"])
            try await Task.sleep(for: .milliseconds(Int.random(in: 5...300, using: &random)))
            run.kill(number % 3 == 0 ? SIGTERM : SIGINT)
            if isTwice {
                cancels += 1
                try await Task.sleep(for: .milliseconds(Int.random(in: 0...20, using: &random)))
                run.kill(SIGINT)
            }
            let result = await run.wait(seconds: 30)
            // Before it listens, it ends as any program does.
            #expect(result.status == 11 || result.signal != nil, "\(result.out)\(result.err)")
            try await expectSound(program)
            let status = try await program.status()
            #expect(status.jobs.running == 0 && status.jobs.retrying == 0)
            if cancels == 0 { #expect(try origin.hits().repeated == 0) }
        }
        let last = try await program.start("runner", ["run", "--workers", "\(workers)"]).wait(
            seconds: 600)
        #expect(last.status == 0, "\(last.err)")
        let hits = try origin.hits()
        print(
            "signals_atRandomMoments: \(jobs) jobs, \(signals) signals, \(cancels) of them twice, \(hits.repeated) repeated"
        )
        #expect(hits.distinct == jobs && hits.repeated <= cancels * workers)
    }

    /// Kills at each of the store's system calls in turn: however far a commit got, it has happened
    /// or not.
    @Test(.timeLimit(.minutes(10)), arguments: ["pwrite64", "fdatasync", "ftruncate", "unlink"])
    func sigkill_atEachSystemCallOfTheStore_leavesASoundQueue(call: String) async throws {
        let origin = try await TestOrigin()
        let step = setting("RUNNER_TEST_SYSCALL_STEP", default: call == "pwrite64" ? 3 : 1)
        var killed = 0
        for nth in stride(from: 1, to: 2000, by: step) {
            origin.reset()
            let program = Program()
            try await program.runner("enqueue", "--range", "0..600", "--url", "\(origin.url)/{id}")
            let run = try program.start(
                "/usr/bin/strace",
                [
                    "-f", "-o", "trace", "-e", "trace=\(call)", "-e",
                    "inject=\(call):signal=KILL:when=\(nth)",
                    Program.products + "/runner", "run", "--workers", "20",
                ])
            let result = await run.wait()
            try await expectSound(program)
            if result.signal == nil && result.status == 0 { break }
            killed += 1
            let resumed = try await program.runner("run", "--workers", "20")
            #expect(resumed.status == 0, "kill at \(call) \(nth): \(resumed.err)")
            try await expectSound(program)
            #expect(try origin.missing(of: 600) == 0)
            #expect(try await program.status().jobs.completed == 600)
        }
        #expect(killed > 0, "no \(call) was killed, so nothing was shown")
        print("sigkill_atEachSystemCallOfTheStore: \(killed) points of \(call)")
    }

    private func expectSound(_ program: Program) async throws {
        let queue = try SQLiteQueue(path: program.folder.file("runner.db"), access: .read)
        let faults = try await queue.verify()
        #expect(faults == [])
        await queue.close()
    }
}

extension TestOrigin {
    func reset() { _ = httpGet(port: port, "/_/reset") }
}
