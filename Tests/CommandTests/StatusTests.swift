import Foundation
import TestServer
import TestSupport
import Testing

/// `runner status`, alone and during a run, and what becomes of output nobody takes.
@Suite(.serialized) struct StatusTests {
    private let program = Program()

    /// Runs the program until it has fetched ten IDs, of which one fails.
    private func fetchTen(_ origin: Origin) async throws {
        let failing = "\(origin.url)/status/404/{id}"
        try await program.runner("enqueue", "--range", "0..9", "--url", "\(origin.url)/{id}")
            .expectSuccess()
        try await program.runner("enqueue", "--range", "0..1", "--url", failing).expectSuccess()
        let run = try await program.runner("run", "-q")
        #expect(run.status == 1)
    }

    // MARK: - Text

    @Test func status_showsANewQueue() async throws {
        try await program.runner("enqueue", "--range", "0..1500000").expectSuccess()
        let status = try await program.runner("status")
        status.expectSuccess()
        #expect(
            status.out == """
                runner.db: 0.0 % done
                  total              1,500,000
                  available          1,500,000
                  running                    0
                  retrying                   0
                  completed                  0
                  failed                     0
                no run is going on

                """)
    }

    @Test func status_showsOutcomes() async throws {
        let origin = try await Origin.start()
        try await fetchTen(origin)
        let status = try await program.runner("status")
        status.expectSuccess()
        #expect(
            status.out == """
                runner.db: 100 % done
                  total                     10
                  available                  0
                  running                    0
                  retrying                   0
                  completed                  9
                  failed                     1
                outcomes
                  200                        9  completed
                  404                        1  failed
                no run is going on
                runner failures shows those that failed, runner retry --all puts them back

                """)
        await origin.stop()
    }

    @Test func status_readsTheQueueOfTheEnvironment() async throws {
        var program = program
        try await program.runner("enqueue", "--range", "0..7", "--queue", "q.db").expectSuccess()
        program.environment["RUNNER_QUEUE"] = "q.db"
        let status = try await program.runner("status")
        status.expectSuccess()
        #expect(status.out.hasPrefix("q.db: 0.0 % done\n"))
        try await program.runner("status", "--queue", "runner.db")
            .expectRefusal(3, "no queue at runner.db")
    }

    @Test func status_leavesTheQueueAsItIs() async throws {
        try await program.runner("enqueue", "--range", "0..7").expectSuccess()
        let before = try program.files()
        for arguments in [["status"], ["status", "--json"], ["status", "--queue", "./runner.db"]] {
            try await program.start("runner", arguments).wait().expectSuccess()
        }
        let after = try program.files()
        #expect(after["runner.db"] == before["runner.db"])
        #expect(after["runner.db-wal"] ?? [] == [])
    }

    /// A run tells how it goes while it goes on.
    @Test func status_showsTheTimesOfTheRun() async throws {
        let origin = try await Origin.start()
        try await program.runner(
            "enqueue", "--range", "0..100000", "--url", "\(origin.url)/delay/20/{id}"
        ).expectSuccess()
        let run = try program.start("runner", ["run", "-q", "-w", "3"])
        var live: [String: Any] = [:]
        try await run.wait {
            live = try await program.runner("status", "--json").json["run"] as? [String: Any] ?? [:]
            return live["timings"] is [String: Any]
        }
        let made = try #require((live["requests"] as? [String: Int])?["made"])
        #expect(made > 0 && made < 100_000)
        let timings = try #require(live["timings"] as? [String: Any])
        #expect(
            timings.keys.sorted() == ["connect_ms", "tls_ms", "ttfb_ms", "whole_ms", "worker_s"])
        let whole = try #require(timings["whole_ms"] as? [String: Double])
        #expect(whole["p50", default: 0] >= 19 && whole["max", default: 0] < 60_000, "\(whole)")
        let text = try await program.runner("status").out
        let told = text.split(separator: "\n").map { $0.split(separator: " ") }
        #expect(told.contains { $0.starts(with: ["requests:"]) }, "\(text)")
        #expect(told.contains { $0.starts(with: ["first", "byte"]) && $0.count == 10 }, "\(text)")
        #expect(told.last?.first == "workers:", "\(text)")
        run.kill(SIGKILL)
        _ = await run.wait()
        #expect(!(try await program.runner("status").out.contains("requests:")))
        await origin.stop()
    }

    @Test func status_showsTheHostsThatPushBack() async throws {
        try await program.runner("enqueue", "--range", "0..3").expectSuccess()
        let now = "CAST(strftime('%s', 'now') AS INTEGER) * 1000000"
        let hosts = [
            ("http://slow", "0", "0.25"), ("http://free", "1", "NULL"),
            ("http://held", "\(now) + 3600000000", "NULL"), ("*", "\(now) + 9000000000", "NULL"),
        ]
        for (name, until, rate) in hosts {
            try await program.sqlite(
                "runner.db", "INSERT INTO host VALUES ('\(name)', \(until), \(rate), \(now))")
        }
        let lines = try await program.runner("status").out.split(separator: "\n").suffix(3)
        #expect(lines.first == "hosts that push back" && lines.count == 3, "\(lines)")
        let told = lines.dropFirst().map(String.init)
        #expect(told.first?.hasPrefix("  http://held: held back for ") == true, "\(told)")
        #expect(told.last == "  http://slow: takes 15/m", "\(told)")
        let json = try await program.runner("status", "--json").json
        let held = try #require(json["hosts"] as? [[String: Any]])
        #expect(held.map { $0["host"] as? String } == ["http://held", "http://slow"])
        #expect(held[0]["requests_per_s"] is NSNull && held[1]["held_s"] as? Double == 0)
        #expect((3500...3600).contains(held[0]["held_s"] as? Double ?? 0), "\(held)")
        #expect(held[1]["requests_per_s"] as? Double == 0.25)
        // They are the queue's, not a batch's.
        #expect(try await program.runner("status", "--batch", "1", "--json").json["hosts"] == nil)
    }

    // MARK: - JSON

    private static let jobKeys = [
        "available", "cancelled", "completed", "failed", "retrying", "running", "total",
    ]

    @Test func json_holdsTheWholeContract_withoutARun() async throws {
        let origin = try await Origin.start()
        try await fetchTen(origin)
        await origin.stop()
        try await program.runner("enqueue", "--range", "0..5").expectSuccess()
        let status = try await program.runner("status", "--json")
        status.expectSuccess()
        let document = try status.json
        #expect(document.keys.sorted() == ["jobs", "outcomes", "paused", "run", "run_known"])
        #expect(document["run_known"] as? Bool == true)
        #expect(
            document["jobs"] as? [String: Int] == [
                "total": 15, "available": 5, "running": 0, "retrying": 0, "completed": 9,
                "failed": 1, "cancelled": 0,
            ])
        let outcomes = try #require(document["outcomes"] as? [[String: Any]])
        try #require(outcomes.count == 2)
        for (outcome, (label, state, count)) in zip(
            outcomes, [("200", "completed", 9), ("404", "failed", 1)])
        {
            #expect(outcome.keys.sorted() == ["count", "outcome", "state"])
            #expect(outcome["outcome"] as? String == label)
            #expect(outcome["state"] as? String == state)
            #expect(outcome["count"] as? Int == count)
        }
        #expect(document["run"] is NSNull)
    }

    @Test func json_holdsTheWholeContract_duringARun() async throws {
        let origin = try await Origin.start()
        try await program.runner(
            "enqueue", "--range", "0..100000", "--url", "\(origin.url)/delay/20/{id}"
        ).expectSuccess()
        let start = Date()
        let run = try program.start("runner", ["run", "-q", "-w", "3"])
        try await run.wait { try await program.jobs()["completed"] ?? 0 > 0 }

        // Its rate is known from its second commit on.
        var document: [String: Any] = [:]
        try await run.wait {
            document = try await program.runner("status", "--json").json
            return (document["run"] as? [String: Any])?["eta_s"] is Double
        }
        let jobs = try #require(document["jobs"] as? [String: Int])
        #expect(jobs.keys.sorted() == Self.jobKeys)
        #expect(jobs["total"] == 100_000)
        #expect(jobs["running"] ?? 0 > 0)
        #expect(jobs.values.reduce(0, +) == 200_000, "the states add up to the total")
        let live = try #require(document["run"] as? [String: Any])
        #expect(
            live.keys.sorted() == [
                "active", "eta_s", "pid", "requests", "requests_per_s", "started_at", "timings",
                "trouble", "workers",
            ])
        #expect(live["trouble"] is NSNull)
        #expect(live["active"] as? Bool == true)
        #expect(live["pid"] as? Int == Int(run.pid))
        #expect(live["workers"] as? Int == 3)
        let rate = try #require(live["requests_per_s"] as? Double)
        #expect(rate > 0 && rate <= 3 / 0.02 * 1.5)
        let secondsLeft = try #require(live["eta_s"] as? Double)
        #expect(abs(secondsLeft - 100_000 / rate) < 0.2 * secondsLeft)
        let startedAt = try #require(live["started_at"] as? String)
        let began = try #require(ISO8601DateFormatter().date(from: startedAt), "\(startedAt)")
        #expect(abs(began.timeIntervalSince(start)) < 5)

        run.kill(SIGKILL)
        await run.wait()
        let after = try await program.runner("status", "--json").json
        #expect(after["run"] is NSNull)
        let counts = try #require(after["jobs"] as? [String: Int])
        #expect(counts["running"] == 0)
        #expect((counts["available"] ?? 0) + (counts["completed"] ?? 0) == 100_000)
        await origin.stop()
    }

    // MARK: - By another user

    /// Who may read the queue, but not its lock, cannot tell a run that goes on from none.
    @Test func status_saysWhatItCannotSee_whenTheLockIsClosedToIt() async throws {
        try #require(geteuid() == 0, "only root can become another user")
        let origin = try await Origin.start()
        try await program.runner(
            "enqueue", "--range", "0..100000", "--url", "\(origin.url)/delay/20/{id}"
        ).expectSuccess()
        _ = try await program.shell("chmod 755 .; chmod 644 runner.db", [])
        let unseen = "whether a run is going on cannot be seen: runner.db-lock may not be read\n"

        let run = try program.start("runner", ["run", "-q", "-w", "3"])
        try await run.wait { try await program.jobs()["completed"] ?? 0 > 0 }
        let during = try await program.runnerUnprivileged(["status"])
        during.expectSuccess()
        #expect(during.out.hasSuffix(unseen), "\(during.out)")
        let document = try await program.runnerUnprivileged(["status", "--json"]).json
        #expect(document["run"] is NSNull && document["run_known"] as? Bool == false)
        // Once it may be read, all is seen.
        _ = try await program.shell("chmod 644 runner.db-lock", [])
        let seen = try await program.runnerUnprivileged(["status", "--json"]).json
        #expect(seen["run"] is [String: Any] && seen["run_known"] as? Bool == true)
        _ = try await program.shell("chmod 600 runner.db-lock", [])

        run.kill(SIGTERM)
        await run.wait()
        let after = try await program.runnerUnprivileged(["status"])
        after.expectSuccess()
        #expect(after.out.hasSuffix(unseen))
        // Nobody has run what nobody has locked.
        _ = try await program.shell("rm runner.db-lock", [])
        let bare = try await program.runnerUnprivileged(["status"])
        #expect(bare.out.hasSuffix("no run is going on\n"))
        await origin.stop()
    }

    // MARK: - --watch

    @Test func watch_endsWithTheRun() async throws {
        let origin = try await Origin.start()
        try await program.runner(
            "enqueue", "--range", "0..20", "--url", "\(origin.url)/delay/20/{id}"
        ).expectSuccess()
        let watch = try program.start("runner", ["status", "--watch", "--json"])
        try await watch.wait { watch.out.contains("\n") }
        try await program.runner("run", "-q", "-w", "4").expectSuccess()
        let result = await watch.wait(seconds: 20)
        result.expectSuccess()
        let lines = result.out.split(separator: "\n")
        #expect(lines.count >= 2)
        let done = try lines.map { line in
            let document = try JSONSerialization.jsonObject(with: Data(line.utf8))
            let jobs = (document as? [String: Any])?["jobs"] as? [String: Int]
            return try #require(jobs?["completed"])
        }
        #expect(done.first == 0)
        #expect(done.last == 20)
        #expect(done == done.sorted())
        await origin.stop()
    }

    @Test func watch_showsOnce_whenAllIsDone() async throws {
        let origin = try await Origin.start()
        try await fetchTen(origin)
        await origin.stop()
        let result = try await program.runner("status", "--watch")
        result.expectSuccess()
        #expect(result.out.split(separator: "\n").count { $0.contains("100 % done") } == 1)
    }

    @Test(arguments: [SIGINT, SIGTERM])
    func watch_endsByASignal(_ signal: Int32) async throws {
        try await program.runner("enqueue", "--range", "0..5").expectSuccess()
        let watch = try program.start("runner", ["status", "--watch"])
        try await watch.wait { watch.out.contains("no run is going on") }
        watch.kill(signal)
        let result = await watch.wait(seconds: 10)
        #expect(result.signal == signal)
        #expect(result.err.isEmpty)
    }

    // MARK: - Output that nobody takes

    @Test(arguments: [
        ["status"], ["status", "--json"], ["status", "--watch"], ["status", "--watch", "--json"],
        ["run", "-q"], ["enqueue", "--range", "0..5"], ["export"], ["--help"], ["--version"],
        ["--generate-completion-script", "bash"],
    ])
    func command_saysSo_whenItsOutputCannotBeWritten(_ command: [String]) async throws {
        let origin = try await Origin.start()
        try await fetchTen(origin)
        await origin.stop()
        try await program.shell("exec \"$0\" \"$@\" >/dev/full", command)
            .expectRefusal(3, "standard output", "No space left on device", "elsewhere")
        try await program.shell("exec \"$0\" \"$@\" >&-", command)
            .expectRefusal(3, "standard output", "elsewhere")
    }

    /// A file opened in place of a standard stream must not receive what is meant for the stream.
    @Test func run_writesToNoFileOfItsOwn_whenItHasNoStandardStreams() async throws {
        let origin = try await Origin.start()
        try await program.runner("enqueue", "--range", "0..500", "--url", "\(origin.url)/{id}")
            .expectSuccess()
        let run = try await program.shell("exec \"$0\" \"$@\" <&- >&- 2>&-", ["run", "-w", "50"])
        #expect(run.status == 3)
        #expect(try await program.jobs()["completed"] == 500)
        for (name, bytes) in try program.files() {
            let text = String(decoding: bytes, as: UTF8.self)
            for said in ["starting runner.db", "finished:", "runner: "] {
                #expect(!text.contains(said), "\(said) in \(name)")
            }
        }
        await origin.stop()
    }
}
