import Foundation
import TestServer
import TestSupport
import Testing

/// `runner failures`, `runner retry` and `enqueue --from-batch`: what failed is shown, put back and
/// fetched, and no job is counted twice anywhere.
@Suite struct RetryTests {
    private let program = Program()

    private func runner(_ arguments: String...) async throws -> Program.Result {
        try await program.start("runner", arguments).wait()
    }

    @Test func retry_putsBackWhatFailed_andTheNextRunFetchesIt() async throws {
        let origin = try await Origin.start()
        try await program.runner(
            "enqueue", "--range", "0..20", "--url", origin.url + "/flaky/2/404/{id}"
        ).expectSuccess()
        let run = ["run", "-q", "--retries", "0", "-o", "out", "--output-failures"]
        let failed = try await program.start("runner", run).wait()
        #expect(failed.status == 1)
        #expect(
            failed.out.contains(
                "; 0 completed, 20 failed of 20; runner failures shows those that failed, runner retry --all puts them back\n"
            ), "\(failed.out)")
        #expect(
            try await runner("failures").out == """
                runner.db: 20 failed jobs
                  404  20
                to put them back: runner retry --all

                """)
        try await runner("retry").expectRefusal(2, "--outcome", "--all", "404 (20)")
        try await runner("retry", "--all", "--batch", "1").expectRefusal(2, "--all")
        try await runner("retry", "--outcome", "40").expectRefusal(2, "'40' is no outcome", "5xx")
        let dry = try await runner("retry", "--dry-run", "--range", "3..8")
        dry.expectSuccess()
        #expect(dry.out == "5 failed jobs of runner.db would be put back\n")
        #expect(try await runner("retry", "--outcome", "5xx,timeout").out.contains("put back 0 "))
        #expect(
            try await runner("retry", "--range", "0..5").out
                == "put back 5 failed jobs of runner.db; run again to fetch them\n")
        let json = try await runner("retry", "--outcome", "404,5xx", "--json").json
        #expect(json["jobs"] as? Int == 15 && json["dry_run"] as? Bool == false)
        #expect(json["of_cancelled"] as? Int == 0 && json.count == 3)
        #expect(try await program.jobs()["available"] == 20)
        try await program.expectVerified()
        try await program.start("runner", run).wait().expectSuccess()
        let verified = try await runner("verify", "--json").json
        #expect(verified["sound"] as? Bool == true)
        #expect(verified["records"] as? Int == 40 && verified["superseded"] as? Int == 20)
        #expect(try await program.jobs()["completed"] == 20)
        await origin.stop()
    }

    /// The name of a reason that a handler gives is an outcome in all that people see and say.
    @Test func retry_putsBackWhatAHandlerNamed() async throws {
        let origin = try await Origin.start()
        try await program.runner(
            "enqueue", "--range", "0..12", "--url", origin.url + "/body/10/{id}"
        ).expectSuccess()
        let script = """
            import json, sys
            for line in sys.stdin:
                response = json.loads(line)
                reason = ["sold_out: " + str(response["id"]), "gone", "Out of order"][response["id"] % 3]
                print(json.dumps({"request": response["request"], "verdict": {"failed": reason}}), flush=True)
            """
        write(Array(script.utf8), to: program.folder.file("shop.py"))
        let handled = ["run", "-q", "--handler", "exec python3 -B shop.py"]
        #expect(try await program.start("runner", handled).wait().status == 1)
        let failures = try await runner("failures")
        for line in ["handler           4", "handler:gone      4", "handler:sold_out  4"] {
            #expect(failures.out.contains("  \(line)\n"), "\(failures.out)")
        }
        #expect(try await runner("status").out.contains("handler:sold_out"))
        let export = try await runner("export", "--outcome", "handler:gone", "--format", "jsonl")
        #expect(export.out.split(separator: "\n").count == 4)
        #expect(export.out.contains(#""outcome":"handler:gone""#))
        let all = try await runner("export", "--outcome", "handler", "--format", "jsonl")
        #expect(all.out.split(separator: "\n").count == 12)
        try await runner("retry", "--outcome", "handler:").expectRefusal(2, "is no outcome")
        #expect(
            try await runner("retry", "--outcome", "handler:sold_out").out
                == "put back 4 failed jobs of runner.db; run again to fetch them\n")
        try await program.expectVerified()
        // The others have failed still.
        #expect(try await program.start("runner", ["run", "-q"]).wait().status == 1)
        #expect(try await program.jobs()["completed"] == 4)
        #expect(try await runner("retry", "--outcome", "handler").out.contains("put back 8 "))
        await origin.stop()
    }

    /// The commands that a run, `status` and `failures` name do as they say, in a shell.
    @Test(arguments: [("runner.db", false), ("runner.db", true), ("it's one.db", false)])
    func advice_canBeCopied(queue: String, isOtherInEnvironment: Bool) async throws {
        let origin = try await Origin.start()
        var program = program
        if isOtherInEnvironment { program.environment["RUNNER_QUEUE"] = "other.db" }
        func run(_ arguments: String...) async throws -> Program.Result {
            try await program.start("runner", arguments + ["--queue", queue]).wait()
        }
        try await run("enqueue", "--range", "0..3", "--url", origin.url + "/flaky/2/404/{id}")
            .expectSuccess()
        let told = try await run("run", "-q").out
        let advice = try #require(told.split(separator: "\n")[0].split(separator: "; ").last)
        let status = try await run("status").out
        #expect(status.hasSuffix("\n\(advice)\n"), "\(status)")
        let commands = advice.replacing(" shows those that failed, ", with: "\n")
            .replacing(" puts them back", with: "").split(separator: "\n")
        try #require(commands.count == 2, "\(told)")
        let failures = try await copied(commands[0], in: program)
        #expect(
            failures.out.hasSuffix("  404  3\nto put them back: \(commands[1])\n"), "\(failures)")
        #expect(
            try await run("failures", "--outcome", "404").out.hasSuffix(
                "\nto put them back, give the same conditions to: \(commands[1].dropLast(6))\n"))
        let back = try await copied(commands[1], in: program)
        #expect(back.out.hasPrefix("put back 3 failed jobs of \(queue);"), "\(back)")
        await origin.stop()
    }

    /// Runs a command as a shell does, with the program of this build for `runner`.
    private func copied(
        _ command: Substring, in program: Program
    ) async throws -> Program.Result {
        try await program.shell("runner() { \"$0\" \"$@\"; }\n\(command)", [])
    }

    /// The body of a failure stays, whatever becomes of the job once it is put back.
    @Test(arguments: [
        (2, ["--output-failures"], "200"), (2, ["--max-body", "1"], "too_large"),
        (3, ["--no-output-failures"], "404"), (3, [], "404"),
    ])
    func retry_leavesTheBodiesOfFailures(
        until: Int, options: [String], outcome: String
    ) async throws {
        let origin = try await TestOrigin()
        try await runner(
            "enqueue", "--range", "0..5", "--url", origin.url + "/flaky/\(until)/404/{id}"
        ).expectSuccess()
        let run = ["run", "-q", "--retries", "0"]
        try await program.start(
            "runner", run + ["-o", "out", "--format", "files", "--output-failures"]
        ).wait().expectExit(1)
        let folder = program.folder.file("out/bodies/1/0/000")
        let bodies = try FileManager.default.contentsOfDirectory(atPath: folder).sorted()
        #expect(bodies.count == 5)
        try await program.expectVerified()
        try await runner("retry", "--all").expectSuccess()
        try await program.start("runner", run + options).wait().expectExit(outcome == "200" ? 0 : 1)
        #expect(
            try await runner("export", "--format", "jsonl").out.contains(
                "\"outcome\":\"\(outcome)\""))
        for (id, body) in bodies.enumerated() {
            #expect(body.hasPrefix("\(id)-") && body.utf8.count == 34)
            #expect(contents(of: "\(folder)/\(body)") == Array("Not Found\n".utf8))
        }
        try await program.expectVerified()
    }

    @Test func failures_areCountedByHostAndBatch_andListed() async throws {
        let origin = try await Origin.start()
        let url = origin.url + "/status/404/"
        let other = url.replacing("127.0.0.1", with: "localhost")
        write(
            Array("\(url)1\n\(other)2\n\(url)3\n\(origin.url)/4\n".utf8),
            to: program.folder.file("urls.txt"))
        try await runner("enqueue", "urls.txt", "--name", "list").expectSuccess()
        try await runner("enqueue", "--range", "5..7", "--url", url + "{id}").expectSuccess()
        #expect(try await runner("run", "-q").status == 1)
        let host = origin.url
        let byHost = try await runner("failures", "--by", "host")
        byHost.expectSuccess()
        #expect(
            byHost.out.split(separator: "\n")[1...2].map { $0.split(separator: " ") } == [
                ["\(host)", "4"], ["\(host.replacing("127.0.0.1", with: "localhost"))", "1"],
            ])
        let byBatch = try await runner("failures", "--by", "batch", "--json").json
        #expect(byBatch["failed"] as? Int == 5 && byBatch["others"] as? Int == 0)
        let groups = try #require(byBatch["groups"] as? [[String: Int]])
        #expect(groups == [["batch": 1, "count": 3], ["batch": 2, "count": 2]])
        let list = try await runner("failures", "--list", "--host", "localhost")
        list.expectSuccess()
        #expect(list.out.split(separator: "\n").count == 2)
        #expect(list.out.contains(",1,\(other)2,failed,404,\n"))
        let ofRange = try await runner("failures", "--list", "--batch", "2", "--format", "jsonl")
        #expect(ofRange.out.split(separator: "\n").count == 2)
        try await runner("failures", "--list", "--json").expectRefusal(2, "--format jsonl")
        #expect(
            try await runner("failures", "--host", "localhost", "--json").json["failed"] as? Int
                == 1)
        #expect(try await runner("retry", "--host", "localhost").out.hasPrefix("put back 1 "))
        #expect(try await runner("failures", "--by", "host", "--json").json["failed"] as? Int == 4)
        try await program.expectVerified()
        await origin.stop()
    }

    @Test func retry_leavesCancelledBatchesAlone() async throws {
        let origin = try await Origin.start()
        for name in ["a", "b"] {
            try await runner(
                "enqueue", "--range", "0..3", "--url", origin.url + "/status/404/{id}", "--name",
                name
            ).expectSuccess()
        }
        #expect(try await runner("run", "-q").status == 1)
        try await runner("cancel", "a").expectSuccess()
        let dry = try await runner("retry", "--all", "--dry-run")
        #expect(
            dry.out
                == "3 failed jobs of runner.db would be put back; 3 of cancelled batches stay failed\n"
        )
        #expect(try await runner("retry", "--all").out.contains("put back 3 "))
        let ofCancelled = try await runner("retry", "--batch", "a")
        #expect(
            ofCancelled.out
                == "put back 0 failed jobs of runner.db; 3 of cancelled batches stay failed\n")
        try await program.expectVerified()
        await origin.stop()
    }

    /// A run that is going on takes what is put back, and ends once all is done.
    @Test func retry_besideARun_isTakenByIt() async throws {
        let origin = try await TestOrigin()
        try await runner(
            "enqueue", "--range", "0..3000", "--url", origin.url + "/flaky/2/404/{id}"
        ).expectSuccess()
        let run = try program.start(
            "runner", ["run", "-q", "--retries", "0", "--follow", "-o", "out", "--output-failures"])
        try await run.wait { try await program.jobs()["failed"] ?? 0 > 1000 }
        // Some are put back while the rest of their segment is in hand.
        var putBack = 0
        try await run.wait {
            let result = try await runner("retry", "--outcome", "404", "--json")
            putBack += try result.json["jobs"] as? Int ?? 0
            return try await program.jobs()["completed"] == 3000
        }
        run.kill(SIGINT)
        let ended = await run.wait()
        #expect(ended.status == 0, "\(ended.out)\(ended.err)")
        #expect(putBack == 3000)
        #expect(try origin.hits().requests == 6000)
        let verified = try await runner("verify", "--json").json
        #expect(verified["sound"] as? Bool == true)
        #expect(verified["superseded"] as? Int == 3000)
    }

    @Test func fromBatch_queuesTheRequestsOfSomeJobsAgain() async throws {
        let origin = try await TestOrigin()
        try await runner(
            "enqueue", "--range", "0..6", "--url", origin.url + "/flaky/2/404/{id:03}", "-H",
            "X-A: {id}", "--name", "ids"
        ).expectSuccess()
        #expect(try await runner("run", "-q", "--retries", "0").status == 1)
        // All, and so a range again.
        let all = try await runner("enqueue", "--from-batch", "ids", "--outcome", "4xx", "--json")
        all.expectSuccess()
        #expect(try all.json["jobs"] as? Int == 6 && all.json["first_id"] as? Int == 0)
        try await runner("retry", "--range", "1..2", "--batch", "1").expectSuccess()
        try await runner("retry", "--range", "4..5", "--batch", "1").expectSuccess()
        try await runner("run", "-q", "--retries", "0", "--batch", "1").expectExit(1)
        // Some, and so a list with the IDs as keys.
        let some = try await runner(
            "enqueue", "--from-batch", "1", "--outcome", "200", "--name", "x")
        some.expectSuccess()
        #expect(some.out.hasPrefix("queued 2 jobs of batch 1 (ids), IDs 0..<2, as batch 3 in "))
        let rows = try await runner("export", "--format", "jsonl", "--state", "available").out
        #expect(
            rows.contains(
                "\"url\":\"\(origin.url)/flaky/2/404/001\",\"state\":\"available\",\"outcome\":null,\"key\":\"1\"}"
            ))
        #expect(rows.contains("/flaky/2/404/004\""))
        // A list of a list: its lines.
        try await runner("run", "-q", "--batch", "x").expectSuccess()
        try await runner("enqueue", "--from-batch", "x", "--outcome", "2xx").expectSuccess()
        try await runner("run", "-q", "--batch", "4").expectSuccess()
        let last = try await runner("export", "--format", "jsonl").out
        #expect(
            last.contains(
                "{\"id\":1,\"batch\":4,\"url\":\"\(origin.url)/flaky/2/404/004\",\"state\":\"completed\",\"outcome\":\"200\",\"key\":\"4\"}"
            ))
        try await runner("enqueue", "--from-batch", "1", "--outcome", "timeout")
            .expectRefusal(2, "batch 1 (ids) has no completed or failed job")
        // All of it, whatever became of it.
        let whole = try await runner("enqueue", "--from-batch", "1")
        whole.expectSuccess()
        #expect(whole.out.hasPrefix("queued 6 jobs of batch 1 (ids), IDs 0..<6, as batch 5 in "))
        try await runner("enqueue", "--outcome", "200").expectRefusal(2, "--from-batch")
        try await runner("enqueue", "--from-batch", "1", "--outcome", "200", "--unique")
            .expectRefusal(2, "--unique")
        try await runner("enqueue", "--from-batch", "1", "--outcome", "200", "-H", "A: b")
            .expectRefusal(2, "a header")
        #expect(try await program.jobs()["total"] == 22)
        try await program.expectVerified()
    }
}

/// `enqueue --from-batch` where it is refused.
@Suite struct FromBatchRefusalTests {
    private let program = Program()

    @Test func fromBatch_isRefused_whereTheRequestsHoldThePlacesOfLines() async throws {
        let origin = try await TestOrigin()
        write(Array("a\nb\nc\n".utf8), to: program.folder.file("list"))
        try await program.runner(
            "enqueue", "list", "--url", origin.url + "/status/404/{id}?{}"
        ).expectSuccess()
        try await program.runner("run", "-q").expectExit(1)
        try await program.runner("enqueue", "--from-batch", "1", "--outcome", "404")
            .expectRefusal(2, "the requests of batch 1 hold {id}")
        #expect(try await program.jobs()["total"] == 3)
    }

    @Test func fromBatch_makesNoQueue() async throws {
        let result = try await program.runner(
            "enqueue", "--from-batch", "1", "--outcome", "404", "--queue", "typo.db")
        result.expectRefusal(3, "typo.db")
        #expect(!FileManager.default.fileExists(atPath: program.folder.file("typo.db")))
    }
}

extension Program.Result {
    fileprivate func expectExit(_ status: Int32, sourceLocation: SourceLocation = #_sourceLocation)
    {
        #expect(self.status == status, "\(out)\(err)", sourceLocation: sourceLocation)
    }
}
