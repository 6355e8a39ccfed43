import Foundation
import JobStore
import Stores
import TestSupport
import Testing

/// The promise under SIGKILL. `RUNNER_TEST_KILLS=100 RUNNER_TEST_JOBS=400000` is the full length.
@Suite(.serialized) struct KillTests {
    @Test(.timeLimit(.minutes(30)))
    func sigkill_atRandomMoments_losesNothing_andRepeatsLittle() async throws {
        let kills = setting("RUNNER_TEST_KILLS", default: 12)
        let jobs = setting("RUNNER_TEST_JOBS", default: 24_000)
        let workers = 100
        let delayMillis = 100
        var random = SeededGenerator(seed: testSeed(for: "sigkill_atRandomMoments"))

        let origin = try await TestOrigin()
        let program = Program()
        try await program.runner(
            "enqueue", "--range", "0..\(jobs)", "--url", "\(origin.url)/delay/\(delayMillis)/{id}")
        // What a worker has in flight, and what it made in the 100 ms before a commit; with time that
        // machines take which do something else, too.
        let unmarkedMax = workers + workers * (100 + 300) / delayMillis
        var (marked, unmarked, killsAtWork) = (0, 0, 0)
        for kill in 1...kills {
            let before = try origin.hits().requests
            let run = try program.start("runner", ["run", "--workers", "\(workers)"])
            // One in three before the first request, or about it.
            if kill % 3 > 0 {
                try await run.wait { try origin.hits().requests > before }
                try await Task.sleep(for: .milliseconds(Int.random(in: 800...2000, using: &random)))
            } else {
                try await Task.sleep(for: .milliseconds(Int.random(in: 5...300, using: &random)))
            }
            let seen = try await program.status().jobs.completed
            run.kill(SIGKILL)
            let result = await run.wait()
            #expect(result.signal == SIGKILL, "the run ended before kill \(kill): \(result.err)")
            try await expectSound(program)

            let now = try await program.status().jobs.completed
            let requests = try origin.hits().requests - before
            #expect(now >= seen, "kill \(kill) took back what was committed")
            #expect(requests - (now - marked) <= unmarkedMax, "\(requests), \(now - marked) marked")
            let passedOver = try await jobsPassedOver(program, byMoreThan: 2 * workers)
            #expect(passedOver < workers / 2, "before kill \(kill) \(passedOver) were passed over")
            unmarked += requests - (now - marked)
            killsAtWork += requests > unmarkedMax ? 1 : 0
            marked = now
        }
        #expect(killsAtWork >= kills / 2, "too few runs got so far that a lost commit would show")
        let last = try await program.start("runner", ["run", "--workers", "500"]).wait(seconds: 600)
        #expect(last.status == 0, "\(last.err)")
        #expect(last.err.contains("resuming"))
        try await expectSound(program)

        let hits = try origin.hits()
        print(
            "sigkill_atRandomMoments: \(jobs) jobs, \(kills) kills, \(killsAtWork) of them at work, \(hits.repeated) repeated, \(unmarked) unmarked"
        )
        #expect(try origin.missing(of: jobs) == 0)
        #expect(hits.distinct == jobs)
        #expect(hits.repeated <= unmarked)
        let status = try await program.status()
        #expect(status.jobs.completed == jobs && status.jobs.available == 0)
        #expect(status.outcomes == [.init(outcome: "200", state: "completed", count: jobs)])
    }

    /// Jobs that are not marked though so many after them are. They are asked for in order and take
    /// alike, so few are held up; those of a commit that was lost are many.
    private func jobsPassedOver(_ program: Program, byMoreThan bound: Int) async throws -> Int {
        let queue = try openLedger(at: program.folder.file("runner.db"))
        var spans: [LedgerPage.Span] = []
        var place: LedgerPlace? = .start
        while let from = place {
            let page = try await queue.page(from: from)
            spans += page.spans
            place = page.next
        }
        await queue.close()
        var (markedAfter, passedOver) = (0, 0)
        for run in spans.reversed() {
            if run.state == .completed {
                markedAfter += run.positions.count
            } else if markedAfter > bound {
                passedOver += run.positions.count
            }
        }
        return passedOver
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
        // A run makes far more of each; only few points are struck where each is far apart.
        #expect(killed >= 2, "\(killed) of \(call) were killed, which shows little")
        print("sigkill_atEachSystemCallOfTheStore: \(killed) points of \(call)")
    }

    private func expectSound(_ program: Program) async throws {
        let queue = try openLedger(at: program.folder.file("runner.db"))
        let faults = try await queue.verify()
        #expect(faults == [])
        await queue.close()
    }
}

extension TestOrigin {
    func reset() { _ = httpGet(port: port, "/_/reset") }
}
