import Foundation
import TestSupport
import Testing

/// The web page of a run, driven by a browser, and what else is served.
@Suite(.serialized) struct WebPageTests {
    private let program = Program()

    @Test func thePage_showsWhatIs_doesWhatItSays_andRefusesTheRest() async throws {
        try await expectSuccess(of: "drive_page.py")
    }

    /// Asked of a Prometheus that scrapes a run.
    @Test func theQueriesOfTheDashboardAndTheAlerts_findWhatTheyAskFor() async throws {
        try await expectSuccess(of: "query_metrics.py")
    }

    private func expectSuccess(of script: String) async throws {
        let script = try Tools.script(script)
        let work = program.folder.file("work")
        try FileManager.default.createDirectory(
            atPath: work, withIntermediateDirectories: false)
        var driver = program
        for (name, value) in ProcessInfo.processInfo.environment
        where name.hasPrefix("RUNNER_") { driver.environment[name] = value }
        let result = try await driver.start(Tools.python, ["-B", script, Program.products, work])
            .wait(seconds: 180)
        #expect(result.status == 0, "\(result.out)\(result.err)")
    }

    @Test func aPortInUse_isRefused_beforeTheQueueIsTouched() async throws {
        let taken = BoundSocket()
        #expect(listen(taken.descriptor, 1) == 0)
        defer { close(taken.descriptor) }
        // There is no queue, which would be the next complaint.
        let result = try await program.runner("run", "--http", "\(taken.port)")
        result.expectRefusal(2, "127.0.0.1 port \(taken.port)", "--http")
        #expect(!FileManager.default.fileExists(atPath: program.folder.file("runner.db")))
    }

    @Test(arguments: [
        (["--http", "nonsense"], "--http"), (["--http", "70000"], "--http"),
        (["--http", "0.0.0.0:0"], "--http-token-file"),
        (["--http", "0.0.0.0:0", "--http-host", "a.test"], "--http-token-file"),
        (["--http", "[::]:0", "--http-token-file", "t"], "--http-host"),
        (["--http", "0", "--http-host", "http://a.test"], "--http-host"),
        (["--http", "0", "--http-host", "*"], "--http-host"),
        (["--http", "0", "--http-token-file", "missing"], "missing"),
        (["--http-host", "a.test"], "--http"), (["--http", "192.0.2.1:0"], "--http"),
        (["--metrics-file", "missing/m.prom"], "--metrics-file"),
    ])
    func badOptions_areRefused(_ options: [String], _ part: String) async throws {
        let result = try await program.start("runner", ["run"] + options).wait()
        result.expectRefusal(2, part)
    }

    @Test func aTokenOfOnesOwn_isTaken_andAShortOneIsNot() async throws {
        let file = program.folder.file("token")
        try Data("short\n".utf8).write(to: URL(fileURLWithPath: file))
        try await program.runner("run", "--http", "0", "--http-token-file", file)
            .expectRefusal(2, "--http-token-file", "openssl rand")
        try Data("0123456789abcdef0123\n".utf8).write(to: URL(fileURLWithPath: file))
        try await program.runner("enqueue", "--range", "0..1", "--url", "http://127.0.0.1:1/{id}")
            .expectSuccess()
        let run = try program.start(
            "runner", ["run", "--http", "0", "--http-token-file", file])
        try await run.wait { run.err.contains("starting runner.db") }
        #expect(run.err.contains("#0123456789abcdef0123\n"))
        run.kill(SIGINT)
        #expect(await run.wait(seconds: 20).status == 11)
    }

    @Test func metrics_areWrittenToAFile_wholeAndAtTheEnd() async throws {
        let origin = try await TestOrigin()
        try await program.runner("enqueue", "--range", "0..50", "--url", "\(origin.url)/{id}")
            .expectSuccess()
        let file = program.folder.file("runner.prom")
        let run = try await program.runner("run", "-q", "--metrics-file", file)
        #expect(run.status == 0, "\(run.err)")
        let text = try String(contentsOfFile: file, encoding: .utf8)
        #expect(text.contains("\nrunner_run_state{state=\"ended\"} 1\n"))
        #expect(text.contains("\nrunner_jobs{state=\"completed\"} "))
        #expect(text.hasSuffix("\n"))
        let left = try FileManager.default.contentsOfDirectory(atPath: program.folder.path)
        #expect(!left.contains { $0.hasSuffix(".tmp") })
    }
}
