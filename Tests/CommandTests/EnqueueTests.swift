import Foundation
import TestServer
import TestSupport
import Testing

/// `runner enqueue` as it is used.
@Suite(.serialized) struct EnqueueTests {
    private let program = Program()

    private func enqueue(_ arguments: String...) async throws -> Program.Result {
        try await program.start("runner", ["enqueue"] + arguments).wait()
    }

    // MARK: - What it says

    @Test func enqueue_saysWhatItQueued() async throws {
        let result = try await enqueue("--range", "1000..3500", "--url", "http://127.0.0.1/{}")
        result.expectSuccess()
        #expect(
            result.out
                == "queued 2,500 jobs, IDs 1000..<3500, as batch 1 in runner.db: http://127.0.0.1/{}\n"
        )
    }

    @Test func enqueue_saysThatItTookTheDefaultURL_onlyWhenNoneWasGiven() async throws {
        let said = "queued 5 jobs, IDs 0..<5, as batch 1 in runner.db: http://localhost:8080/{id}"
        let untold = try await enqueue("--range", "0..5")
        #expect(untold.out == said + " (the default; name another with --url)\n")
        let told = try await enqueue(
            "--range", "0..5", "--url", "http://localhost:8080/{id}", "--queue", "q.db")
        #expect(told.out == said.replacing("runner.db", with: "q.db") + "\n")
    }

    @Test func enqueue_printsNoCredentials_norDrivesTheTerminal() async throws {
        let url = "https://user:word@h:80/a@\u{9B}b/{id}"
        let result = try await enqueue("--range", "0..5", "--url", url)
        #expect(result.status == 0)
        #expect(result.err.contains("password, is kept in the queue as text"))
        #expect(!result.err.contains("word@"))
        #expect(
            result.out.hasSuffix(": https://***@h:80/a@\\u{9b}b/{id}\n"), "\(result.out)")
        let json = try await enqueue("--range", "0..5", "--url", url, "--json").json
        #expect(json["url"] as? String == "https://***@h:80/a@\u{9B}b/{id}")
    }

    @Test func enqueue_takesInternationalHosts() async throws {
        try await enqueue("--range", "0..5", "--url", "http://bücher.example/{id}").expectSuccess()
        let rows = try await program.runner("export", "--range", "3..4")
        #expect(rows.out.hasSuffix("\n3,1,http://bücher.example/3,available,,\n"))
    }

    @Test func enqueue_printsOneLineOfJSON() async throws {
        let result = try await enqueue(
            "--range", "5...6", "--url", "http://127.0.0.1/a?b={id}", "--queue", "./q.db", "--json")
        result.expectSuccess()
        #expect(
            result.out
                == #"{"batch":1,"first_id":5,"jobs":2,"method":"GET","new":true,"queue":"./q.db","url":"http://127.0.0.1/a?b={id}"}"#
                + "\n")
    }

    @Test func enqueue_takesTheDefaultURL_whenNoneIsGiven() async throws {
        let result = try await enqueue("--range", "0..1", "--json")
        result.expectSuccess()
        #expect(try result.json["url"] as? String == "http://localhost:8080/{id}")
    }

    @Test(arguments: [
        ("10..20", 10, 10), ("10..<20", 10, 10), ("10...20", 10, 11), ("7...7", 7, 1),
        ("1_000..2_000", 1000, 1000), ("0..9223372036854775807", 0, Int.max),
        ("9223372036854775806...9223372036854775806", Int.max - 1, 1),
    ])
    func enqueue_readsTheRange(_ range: String, first: Int, count: Int) async throws {
        let result = try await enqueue("--range", range, "--json")
        result.expectSuccess()
        let report = try result.json
        #expect(report["first_id"] as? Int == first)
        #expect(report["jobs"] as? Int == count)
        #expect(try await program.jobs()["available"] == count)
    }

    // MARK: - Where it queues

    @Test func enqueue_findsItsQueue_byFlagThenEnvironmentThenDefault() async throws {
        var program = program
        try await program.runner("enqueue", "--range", "0..1").expectSuccess()
        program.environment["RUNNER_QUEUE"] = "env.db"
        try await program.runner("enqueue", "--range", "0..2").expectSuccess()
        try await program.runner("enqueue", "--range", "0..3", "--queue", "flag.db").expectSuccess()
        for (queue, count) in [("runner.db", 1), ("env.db", 2), ("flag.db", 3)] {
            #expect(try await program.jobs(queue: queue)["total"] == count, "\(queue)")
        }
    }

    @Test func enqueue_addsToWhatIsThere() async throws {
        try await enqueue("--range", "0..10").expectSuccess()
        let second = try await enqueue("--range", "0..5")
        #expect(second.out.contains("as batch 2 in"))
        #expect(try await program.jobs()["total"] == 15)
        #expect(try await program.jobs()["available"] == 15)
    }

    @Test func enqueue_addsAllBatches_whenManyEnqueueAtOnce() async throws {
        let running = try (0..<8).map { _ in
            try program.start("runner", ["enqueue", "--range", "0..10"])
        }
        for enqueue in running { await enqueue.wait().expectSuccess() }
        #expect(try await program.jobs()["total"] == 80)
    }

    @Test func enqueue_makesItsQueueInAnEmptyFile() async throws {
        write([], to: program.folder.file("runner.db"))
        try await enqueue("--range", "0..5").expectSuccess()
        #expect(try await program.jobs()["total"] == 5)
    }

    @Test func enqueue_leavesOneFileAndItsLock_forTheUserAlone() async throws {
        try await enqueue("--range", "0..5").expectSuccess()
        #expect(try program.files().keys.sorted() == ["runner.db", "runner.db-lock"])
        let attributes = try FileManager.default.attributesOfItem(
            atPath: program.folder.file("runner.db"))
        #expect(attributes[.posixPermissions] as? Int == 0o600)
    }

    /// Names that mean something else to SQLite.
    @Test(arguments: [":memory:", "file:q.db", "file:q.db?mode=memory", "%71.db", "q'; --.db", "ö"])
    func enqueue_takesTheNameAsItIs(_ name: String) async throws {
        for _ in 0..<2 { try await enqueue("--range", "0..5", "--queue", name).expectSuccess() }
        #expect(try program.files().keys.sorted() == [name, name + "-lock"])
        #expect(try await program.jobs(queue: name)["total"] == 10)
    }

    /// The user removed or moved the queue but not the log of the run that was killed: it is no part
    /// of a new queue, and may hold the only copy of what was marked.
    @Test func enqueue_isRefused_besideTheLogOfAQueueThatIsGone() async throws {
        let origin = try await Origin.start()
        try await enqueue("--range", "0..1000000", "--url", "\(origin.url)/{id}").expectSuccess()
        let run = try program.start("runner", ["run", "-q", "-w", "4"])
        try await run.wait { try await program.jobs()["completed"] ?? 0 > 0 }
        run.kill(SIGKILL)
        await run.wait()
        await origin.stop()
        let before = try program.files()
        #expect(before["runner.db-wal"]?.isEmpty == false)
        try FileManager.default.removeItem(atPath: program.folder.file("runner.db"))

        try await enqueue("--range", "0..5").expectRefusal(3, "remove runner.db-wal to start anew")
        #expect(try program.files()["runner.db-wal"] == before["runner.db-wal"])
        try FileManager.default.removeItem(atPath: program.folder.file("runner.db-wal"))
        try await enqueue("--range", "0..5").expectSuccess()
        #expect(try await program.jobs()["total"] == 5)
        try await program.sqlite("runner.db", "PRAGMA integrity_check")
    }

    // MARK: - A hundred million

    @Test func enqueue_isShortAndSmall_whenJobsAreMany() async throws {
        let clock = ContinuousClock()
        let elapsed = try await clock.measure {
            try await enqueue("--range", "0..100000000").expectSuccess()
        }
        #expect(elapsed < .seconds(1))
        let bytes = try program.files().values.reduce(0) { $0 + $1.count }
        #expect(bytes <= 200_000)
        #expect(try await program.jobs()["available"] == 100_000_000)
    }

    @Test func run_endsWell_whenTheQueueHoldsTheMostJobsThereCanBe() async throws {
        // One request a fifth of a second: more years are left than milliseconds can be counted.
        let origin = try await Origin.start()
        let url = "\(origin.url)/delay/200/{id}"
        try await enqueue("--range", "0..9223372036854775807", "--url", url).expectSuccess()
        // On a terminal the progress is shown, and the time left reckoned, twice a second.
        var program = program
        program.environment["TERM"] = "xterm"
        program.environment["SWIFT_BACKTRACE"] = "interactive=no,color=no"
        let command = "\(Program.products)/runner run -w 1"
        let run = try program.start("/usr/bin/script", ["-qec", command, "/dev/null"])
        try await run.wait { origin.summary().requests > 5 || run.out.contains("***") }
        let status = try await program.runner("status", "--json").json
        if let pid = (status["run"] as? [String: Any])?["pid"] as? Int {
            kill(pid_t(pid), SIGTERM)
        }
        let result = await run.wait(seconds: 30)
        #expect(result.status == 11, "\(result.out)")
        await origin.stop()
    }
}
