import Foundation
import TestSupport
import Testing

/// What a run does while some hosts are out of reach: it ends by itself, the others are done with,
/// and nothing is lost or repeated.
@Suite(.serialized) struct LivenessTests {
    private let program = Program()

    private func enqueue(_ count: Int, _ url: String) async throws {
        let result = try await program.runner("enqueue", "--range", "0..\(count)", "--url", url)
        try #require(result.status == 0, "\(result.err)")
    }

    /// Counts of each outcome, as `status` shows them.
    private func outcomes() async throws -> [String: Int] {
        let status = try await program.status()
        return Dictionary(
            uniqueKeysWithValues: status.outcomes.map { ("\($0.state) \($0.outcome)", $0.count) })
    }

    private func verify() async throws {
        let result = try await program.runner("verify")
        #expect(result.status == 0, "\(result.out)\(result.err)")
    }

    // MARK: - Redirects and odd answers

    @Test func redirectsToARefusedPort_failAlone_inOneRun() async throws {
        let raw = try await RawOrigin(healthy: 800, ["redirect.dead-port": 200])
        try await raw.enqueue(in: program)
        let start = ContinuousClock.now
        let result = try await program.runner("run", "--workers", "50", "--retries", "1")
        #expect(result.status == 1, "\(result.out)\(result.err)")
        #expect(ContinuousClock.now - start < .seconds(15))
        #expect(try await outcomes() == ["completed 200": 800, "failed connect": 200])
        try await verify()
    }

    @Test(arguments: ["line.110k", "line.first-begins-with-space", "line.first-is-a-space"])
    func anAnswerThatLibcurlTakesIll_neitherStallsNorLoops(name: String) async throws {
        let raw = try await RawOrigin(healthy: 500, [name: 1])
        try await raw.enqueue(in: program)
        let result = try await program.runner(
            "run", "--workers", "10", "--retries", "1", "--max-stall", "3")
        #expect(result.status == 1, "\(result.out)\(result.err)")
        let status = try await program.status()
        #expect(status.jobs.completed == 500 && status.jobs.failed == 1)
        let asked = try await raw.asked()
        #expect(asked.count == 501 && asked.allSatisfy { $0.value <= 2 })
    }

    // MARK: - A host that is out of reach

    @Test func aDeadHost_holdsUpNobody_andIsDoneWithOnceItIsBack() async throws {
        let dead = try await TestOrigin()
        let healthy = try await TestOrigin()
        let port = dead.port
        try await enqueue(10_000, "\(dead.url)/{id}")
        // Some 4 s of work for 50 workers, which is longer than a stall may take.
        try await enqueue(2000, "\(healthy.url)/delay/100/{id}")
        dead.stop()
        let result = try await program.runner("run", "--workers", "50", "--max-stall", "3")
        #expect(result.status == 12, "\(result.out)\(result.err)")
        #expect(result.out.hasPrefix("stalled: "))
        #expect(try healthy.hits().requests == 2000 && healthy.hits().distinct == 2000)
        let stalled = try await program.status().jobs
        #expect(stalled.completed == 2000 && stalled.failed == 0 && stalled.running == 0)
        #expect(stalled.available >= 10_000 - 20 - 50 && stalled.retrying <= 20 + 50)
        try await verify()

        let back = try await TestOrigin("--port", "\(port)")
        let next = try await program.runner("run", "--workers", "50", "--max-stall", "3")
        #expect(next.status == 0, "\(next.out)\(next.err)")
        #expect(try back.hits().requests == 10_000 && back.hits().distinct == 10_000)
        #expect(try healthy.hits().requests == 2000)
        try await verify()
    }

    /// The one worker is busy with the healthy when it is time to probe.
    @Test func aProbeThatIsDue_costsNoProcessorTime_whileWorkersAreBusy() async throws {
        let dead = try await TestOrigin()
        let healthy = try await TestOrigin()
        try await enqueue(30, "\(dead.url)/{id}")
        try await enqueue(2, "\(healthy.url)/delay/3000/{id}")
        dead.stop()
        let run = try program.start("runner", ["run", "--workers", "1", "--max-stall", "1"])
        try await run.wait { try healthy.hits().requests == 1 }
        let before = processorSeconds(of: run.pid)
        try await run.wait { try healthy.hits().requests == 2 }
        #expect(processorSeconds(of: run.pid) - before < 1)
        run.kill(SIGKILL)
        await run.wait()
    }

    private func processorSeconds(of pid: pid_t) -> Double {
        let text = String(decoding: contents(of: "/proc/\(pid)/stat"), as: UTF8.self)
        let fields = text.split(separator: ")").last?.split(separator: " ") ?? []
        guard fields.count > 12, let user = Double(fields[11]), let system = Double(fields[12])
        else { return 0 }
        return (user + system) / Double(sysconf(Int32(_SC_CLK_TCK)))
    }

    @Test func aHostThatComesBack_costsNobodyAnAttempt_beyondTheFirst() async throws {
        let origin = try await TestOrigin()
        let port = origin.port
        let (jobs, workers) = (4000, 20)
        try await enqueue(jobs, "\(origin.url)/delay/20/{id}")
        let run = try program.start(
            "runner", ["run", "--workers", "\(workers)", "--retries", "9"])
        try await run.wait { try origin.hits().requests >= 500 }
        let before = try origin.hits().requests
        origin.stop()
        try await Task.sleep(for: .seconds(3))
        let held = try await program.status().jobs
        #expect(held.failed == 0 && held.retrying <= 20 + 2 * workers, "\(held)")
        let back = try await TestOrigin("--port", "\(port)")
        let result = await run.wait(seconds: 60)
        #expect(result.status == 0, "\(result.err)")
        let hits = try back.hits()
        #expect(hits.distinct == hits.requests && before + hits.requests <= jobs + workers)
        #expect(try await program.status().jobs.completed == jobs)
        try await verify()
    }

    // MARK: - What is shown

    @Test func aStall_isShown_withHostAndError_andWhatCuresIt() async throws {
        let origin = try await TestOrigin()
        try await enqueue(300, "\(origin.url)/{id}")
        origin.stop()
        let untrusting = Program()
        let nginx = try await untrusting.startNginx()
        defer { nginx.process.kill(SIGKILL) }
        let url = "https://localhost:\(nginx.port)"
        try await untrusting.runner("enqueue", "--range", "0..200", "--url", "\(url)/{id}")
            .expectSuccess()
        let run = try program.start("runner", ["run", "--workers", "50"])
        let other = try untrusting.start("runner", ["run", "--workers", "50"])
        try await run.wait(seconds: 10) {
            guard let trouble = try await trouble() else { return false }
            return trouble.hasPrefix("\(origin.url): ") && trouble.count > origin.url.count + 2
        }
        try await run.wait(seconds: 20) { run.err.contains("waiting for \(origin.url), ") }
        try await other.wait(seconds: 20) { other.err.contains("waiting for \(url), ") }
        #expect(other.err.contains("certificate") && other.err.contains("--cacert"))
        run.kill(SIGINT)
        other.kill(SIGINT)
        #expect(await run.wait(seconds: 20).status == 11)
        #expect(await other.wait(seconds: 20).status == 11)
        #expect(try await untrusting.status().jobs.failed <= 20 + 50)
    }

    // MARK: - Mixes

    /// Poison, by what becomes of it: none takes long.
    private static let poison = [
        "line.110k", "line.first-is-a-space", "line.no-colon", "status.word", "status.http-0.9",
        "redirect.dead-port", "redirect.ftp", "status.999", "status.600",
    ]

    @Test func randomMixes_endByThemselves_withTheHealthyDone() async throws {
        let seed = testSeed(for: "randomMixes_endByThemselves_withTheHealthyDone")
        for round in 0..<setting("RUNNER_TEST_MIXES", default: 1) {
            var random = SeededGenerator(seed: seed &+ UInt64(round))
            try await runMix(using: &random, "RUNNER_TEST_SEED=\(seed &+ UInt64(round))")
        }
    }

    private func runMix(using random: inout SeededGenerator, _ name: Comment) async throws {
        let program = Program()
        let (healthy, deadPort) = (try await TestOrigin(), freePort())
        var origins: [RawOrigin] = []
        var (first, healthyCount, deadCount) = (0, 0, 0)
        for _ in 0..<Int.random(in: 2...6, using: &random) {
            let count = Int.random(in: 1...400, using: &random)
            var url = "\(healthy.url)/{id}"
            switch Int.random(in: 0..<3, using: &random) {
            case 0:
                url = "http://127.0.0.1:\(deadPort)/{id}"
                deadCount += count
            case 1 where origins.isEmpty:
                let names = Self.poison.shuffled(using: &random)
                    .prefix(Int.random(in: 1...4, using: &random))
                let cases = names.map { ($0, Int.random(in: 1...20, using: &random)) }
                let origin = try await RawOrigin(
                    healthy: count, Dictionary(uniqueKeysWithValues: cases))
                try await origin.enqueue(in: program)
                origins.append(origin)
                continue
            default:
                healthyCount += count
            }
            let range = "\(first)..\(first + count)"
            try await program.runner("enqueue", "--range", range, "--url", url).expectSuccess()
            first += count
        }
        let workers = [1, 50, 300].randomElement(using: &random)!
        let result = try await program.start(
            "runner",
            [
                "run", "--workers", "\(workers)", "--retries", "1", "--max-time", "2",
                "--max-stall", "3",
            ]
        ).wait(seconds: 60)

        let hits = try healthy.hits()
        #expect(hits.requests == healthyCount && hits.distinct == healthyCount, name)
        for origin in origins {
            let asked = try await origin.asked()
            for id in RawOrigin.firstID..<RawOrigin.firstID + origin.count
            where origin.cases[id] == nil {
                #expect(asked[id] == 1, name)
            }
        }
        let jobs = try await program.status().jobs
        let poisonCount = origins.reduce(0) { $0 + $1.cases.count }
        #expect(jobs.completed >= jobs.total - deadCount - poisonCount, name)
        #expect(jobs.running == 0, name)
        switch result.status {
        case 12: #expect(deadCount > 0 && jobs.available + jobs.retrying <= deadCount, name)
        case 0, 1: #expect(jobs.completed + jobs.failed == jobs.total, name)
        default: Issue.record("it ended with \(result.status): \(result.err)")
        }
        let verified = try await program.runner("verify")
        #expect(verified.status == 0, name)
    }

    /// `run.trouble` of `status --json`.
    private func trouble() async throws -> String? {
        let document = try await program.runner("status", "--json").json
        return (document["run"] as? [String: Any])?["trouble"] as? String
    }
}
