import Foundation
import TestSupport
import Testing

/// Servers that push back, and what users allow.
@Suite(.serialized) struct PolitenessTests {
    private let program = Program()

    private func enqueue(_ count: Int, _ origin: BusyOrigin) async throws {
        try await program.runner(
            "enqueue", "--range", "0..\(count)", "--url", "\(origin.url)/{id}"
        ).expectSuccess()
    }

    private func run(_ arguments: [String]) async throws -> Program.Result {
        try await program.start("runner", arguments).wait()
    }

    // MARK: - Refusals

    /// A full second's worth of jobs is refused at first, and hardly one from then on.
    @Test(arguments: [["429", "1"], ["503"]])
    func aHostThatAllowsARate_isAskedAtThatRate(answer: [String]) async throws {
        let jobs = setting("RUNNER_TEST_POLITE_JOBS", default: 600)
        let origin = try await BusyOrigin(["bucket", "50", "50"] + answer)
        try await enqueue(jobs, origin)
        let begin = ContinuousClock.now
        let run = try await run(["run", "-w", "300", "-q"])
        #expect(run.status == 0, "\(run.err)")
        let report = try origin.report()
        #expect(report.ok == jobs && report.twice == 0 && report.early == 0)
        // Some are sent before the first refusals are told.
        #expect(report.refused <= 450 + jobs / 20, "\(report)")
        let time = ContinuousClock.now - begin
        #expect(time < .seconds(1.15 * Double(jobs) / 50 + 4), "\(report) in \(time)")
    }

    /// What a host said holds after a kill, too: the next run goes on at its pace.
    @Test func aKill_forgetsNoPace() async throws {
        let origin = try await BusyOrigin(["bucket", "50", "50", "429", "3"])
        try await enqueue(400, origin)
        for _ in 0..<2 {
            let run = try program.start("runner", ["run", "-w", "200", "-q"])
            try await run.wait { try origin.report().refused > 20 }
            try await Task.sleep(for: .milliseconds(700))
            run.kill(SIGKILL)
            _ = await run.wait()
        }
        let refusedBefore = try origin.report().refused
        let run = try await run(["run", "-w", "200", "-q"])
        #expect(run.status == 0, "\(run.err)")
        let report = try origin.report()
        #expect(report.ok >= 400 && report.early == 0)
        #expect(report.refused - refusedBefore < 60, "\(report), \(refusedBefore) before")
    }

    /// Refusals of a few URLs are those URLs' own.
    @Test func refusalsOfEachTenth_slowNoOthers() async throws {
        let origin = try await BusyOrigin(["tenth", "2"])
        try await enqueue(4000, origin)
        let begin = ContinuousClock.now
        let run = try await run(["run", "-w", "200", "--retries", "0", "-q"])
        #expect(run.status == 0, "\(run.err)")
        let report = try origin.report()
        #expect(report.ok == 4000 && report.refused == 400 && report.early == 0)
        #expect(ContinuousClock.now - begin < .seconds(12))
    }

    /// What is everybody's trouble fails nobody.
    @Test(arguments: ["500", "503"])
    func aHostThatIsBrokenForAWhile_failsNoJob(status: String) async throws {
        let origin = try await BusyOrigin(["away", status, "3"])
        try await enqueue(2000, origin)
        let run = try await run(["run", "-w", "100", "--retries", "1", "-q"])
        #expect(run.status == 0, "\(run.out)\(run.err)")
        let report = try origin.report()
        #expect(report.ok == 2000 && report.refused < 400, "\(report)")
    }

    /// A few jobs that all fail are at fault themselves: nobody waits a quarter of an hour.
    @Test func aFewJobs_thatAllFail_failSoon() async throws {
        let origin = try await BusyOrigin(["away", "500", "3600"])
        try await enqueue(5, origin)
        let run = try await run(["run", "--retries", "1", "-q"])
        #expect(run.status == 1, "\(run.out)\(run.err)")
        #expect(try origin.report().refused == 10)
    }

    // MARK: - Denials

    @Test func aWrongToken_stopsTheRun_andBurnsNothing() async throws {
        let origin = try await BusyOrigin(["deny", "401"])
        try await enqueue(4000, origin)
        for round in 1...2 {
            let result = try await run(["run", "-w", "100", "-q", "--json"])
            #expect(result.status == 12, "\(result.err)")
            #expect(try result.json["ending"] as? String == "denied")
            #expect(try await program.status().jobs.failed == 0)
            #expect(try origin.report().refused <= round * (1000 + 2 * 100))
        }
        let right = try await run(["run", "-w", "100", "-q", "-H", "Authorization: Bearer right"])
        #expect(right.status == 0, "\(right.out)\(right.err)")
        #expect(try await program.status().jobs.completed == 4000)
    }

    /// A short sweep that is all forbidden ends as such.
    @Test func aFewDenials_fail() async throws {
        let origin = try await BusyOrigin(["deny", "403"])
        try await enqueue(30, origin)
        let result = try await run(["run", "-w", "10", "-q"])
        #expect(result.status == 1 && result.out.contains("30 failed"), "\(result.out)")
    }

    /// S3 says 403 for a key that does not exist.
    @Test(arguments: [["--no-streak-stop"], ["--fail-on", "403"]])
    func denialsThatAreAnswers_stopNothing(arguments: [String]) async throws {
        let origin = try await BusyOrigin(["deny", "403"])
        try await enqueue(3000, origin)
        let result = try await run(["run", "-w", "100", "-q"] + arguments)
        #expect(result.status == 1 && result.out.contains("3,000 failed"), "\(result.out)")
        #expect(try origin.report().refused == 3000)
    }

    // MARK: - Limits of the user's

    @Test func rate_isKept() async throws {
        let origin = try await BusyOrigin(["plain", "0"])
        try await enqueue(1000, origin)
        let begin = ContinuousClock.now
        let run = try await run(["run", "-w", "50", "--rate", "200/s", "-q"])
        #expect(run.status == 0, "\(run.err)")
        #expect(ContinuousClock.now - begin > .seconds(4.7))
        // What the origin sees is a little less even than what is sent.
        #expect(try origin.report().mostInASecond <= 220)
    }

    /// Its next request is not to wait until the last answer is on disk.
    @Test func aHostWithOneRequestAtATime_isAskedAsFastAsItAnswers() async throws {
        let slow = try await TestOrigin()
        let quick = try await TestOrigin()
        let list = ["\(slow.url)/delay/15000/0"] + (0..<300).map { "\(quick.url)/\($0)" }
        write(Array(list.joined(separator: "\n").utf8), to: program.folder.file("list"))
        try await program.runner("enqueue", "list").expectSuccess()
        let begin = ContinuousClock.now
        let run = try program.start(
            "runner", ["run", "-q", "-w", "10", "--per-host", "1", "--no-robots"])
        // With a commit every 80 ms in between: until the slow one has answered.
        try await run.wait { try quick.hits().distinct == 300 }
        let time = ContinuousClock.now - begin
        #expect(time < .seconds(10), "\(time)")
        #expect(try quick.hits().repeated == 0)
        run.kill(SIGKILL)
        await run.wait()
    }

    @Test(arguments: [["--per-host", "5"], ["--limits", "limits.toml"]])
    func requestsInFlight_areBounded(arguments: [String]) async throws {
        let limits =
            "# mine\n[\"127.0.0.1\"] # here\nper-host = 5\n\n[\"*\"]\nrate = \"1/d\"\n"
        write(Array(limits.utf8), to: program.folder.file("limits.toml"))
        let origin = try await BusyOrigin(["plain", "20"])
        try await enqueue(300, origin)
        let rest = arguments[0] == "--limits" ? 1 : 300
        let run = try await run(
            ["run", "-w", "50", "-q", "--run-time", rest == 1 ? "2" : "60"] + arguments)
        #expect(run.status == (rest == 1 ? 12 : 0), "\(run.out)\(run.err)")
        let report = try origin.report()
        #expect(report.ok == rest && report.mostInFlight <= 5, "\(report)")
    }

    @Test func delay_isBetweenRequestsToAHost() async throws {
        let origin = try await BusyOrigin(["plain", "0"])
        try await enqueue(20, origin)
        let begin = ContinuousClock.now
        let run = try await run(["run", "-w", "50", "--delay", "0.2", "-q"])
        #expect(run.status == 0, "\(run.err)")
        #expect(ContinuousClock.now - begin > .seconds(2))
        #expect(try origin.report().mostInFlight == 1)
    }

    /// A day's quota: another run is not to begin it anew.
    @Test func rate_ofRequestsFarApart_holdsOverARestart() async throws {
        let origin = try await BusyOrigin(["plain", "0"])
        try await enqueue(5, origin)
        for _ in 0..<3 {
            let run = try await run(["run", "--rate", "10/d", "--run-time", "1", "-q"])
            #expect(run.status == 12, "\(run.out)\(run.err)")
        }
        #expect(try origin.report().ok == 1)
    }

    @Test(arguments: [
        ("rate = 5", "line 1: a table"), ("[\"*\"]\nrate = \"fast\"", "line 2: rate = 'fast'"),
        ("[\"*\"]\n\ncount = 1", "line 3: there is no limit 'count'"),
        ("[a/b]", "line 1: [a/b] is no table"), ("[\"*\"]\n[\"*\"]", "line 2: * has a table"),
        ("[\"*\"]\nper-host = 0", "line 2: per-host = '0'"),
        ("[\"*\"]\ndelay", "line 2: 'delay' has no ="),
        ("[\"*\"]\r\nper-host = 4\r\n\r\ncount = 1\r\n", "line 4: there is no limit 'count'"),
        ("['*'] # '\"\nrate = '5/s'\nrate = 6/s", "line 3: rate has a value in this table already"),
        ("[\"*\"]\ndelay = 1\ndelay = 1", "line 3: delay has"),
        ("[\"*\"]\nper-host = 1\nper-host = 1", "line 3: per-host has"),
        ("\u{FEFF}[\"*\"]\nrate = \"5/s # a", "line 2: rate = '\"5/s # a'"),
        ("[[\"*\"]]", "line 1: [[\"*\"]] is no table"), ("[\"*]", "line 1: [\"*] is no table"),
        ("['a\"]", "line 1: ['a\"] is no table"),
    ])
    func limitsThatCannotBeRead_areRefused(text: String, reason: String) async throws {
        write(Array(text.utf8), to: program.folder.file("limits.toml"))
        try await program.runner("enqueue", "--range", "0..1").expectSuccess()
        let run = try await run(["run", "--limits", "limits.toml"])
        #expect(run.status == 2 && run.err.contains("limits.toml, \(reason)"), "\(run.err)")
    }

    @Test func limitsThatAreNoText_areRefused() async throws {
        write(
            Array("[\"".utf8) + [0xFF] + Array("\"]".utf8), to: program.folder.file("limits.toml"))
        try await program.runner("enqueue", "--range", "0..1").expectSuccess()
        try await self.run(["run", "--limits", "limits.toml"])
            .expectRefusal(2, "'limits.toml' is not UTF-8")
    }

    @Test func limitsOfMoreThanAMebibyte_areRefused() async throws {
        let text = "[\"*\"]\n#" + String(repeating: "x", count: 1 << 20) + "\nper-host = 4\n"
        write(Array(text.utf8), to: program.folder.file("limits.toml"))
        try await program.runner("enqueue", "--range", "0..1").expectSuccess()
        let run = try await run(["run", "--limits", "limits.toml"])
        #expect(run.status == 2 && run.err.contains("larger than 1 MiB"), "\(run.err)")
    }
}
