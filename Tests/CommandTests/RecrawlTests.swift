import Foundation
import TestSupport
import Testing

/// `run --keep-validators` and `enqueue --from-batch --changed`: what has not changed is not fetched
/// again.
@Suite(.serialized) struct RecrawlTests {
    private let program = Program()

    private func runner(_ arguments: String...) async throws -> Program.Result {
        try await program.start("runner", arguments).wait()
    }

    /// A record of the output.
    struct Record {
        let batch, id: Int
        let outcome: String
        /// Whether it has a body, or a file of one.
        let hasBody: Bool
    }

    private func records(in folder: String = "out") throws -> [Record] {
        let files = try program.files(in: folder).filter { $0.key.hasSuffix(".jsonl") }
        return try files.values.flatMap { try $0.split(separator: 10).map(Self.record) }
    }

    private static func record(_ line: ArraySlice<UInt8>) throws -> Record {
        let json = try #require(
            try JSONSerialization.jsonObject(with: Data(line)) as? [String: Any])
        return Record(
            batch: try #require(json["batch"] as? Int), id: try #require(json["id"] as? Int),
            outcome: try #require(json["outcome"] as? String),
            hasBody: json["body"] != nil || json["file"] != nil)
    }

    /// Checks that a batch has one record a job: of those whose ID ends in 0 with a body, and of the
    /// others without, as they have not changed.
    private func expectTenthChanged(
        _ records: [Record], batch: Int, count: Int,
        sourceLocation: SourceLocation = #_sourceLocation
    ) {
        let own = records.filter { $0.batch == batch }
        #expect(
            own.count == count && Set(own.map(\.id)).count == count, sourceLocation: sourceLocation)
        let wrong = own.filter {
            let isChanged = $0.id % 10 == 0
            return $0.outcome != (isChanged ? "200" : "unchanged") || $0.hasBody != isChanged
        }
        #expect(wrong.isEmpty, "\(wrong.prefix(5))", sourceLocation: sourceLocation)
    }

    @Test(.timeLimit(.minutes(30)), arguments: ["range", "list"])
    private func recrawls_fetchWhatHasChanged_whateverIsKilled(_ kind: String) async throws {
        let count = setting("RUNNER_TEST_JOBS", default: 3000)
        let kills = setting("RUNNER_TEST_KILLS", default: 4)
        var random = SeededGenerator(seed: testSeed(for: "recrawls \(kind)"))
        let origin = try await TestOrigin()
        var unchangedBefore = 0
        let url = "\(origin.url)/versioned/both/"
        if kind == "list" {
            let lines = (0..<count).map { "\(url)\($0)\n" }.joined()
            write(Array(lines.utf8), to: program.folder.file("list"))
            try await runner("enqueue", "list", "--name", "crawl-1").expectSuccess()
        } else {
            try await runner(
                "enqueue", "--range", "0..\(count)", "--url", url + "{id}", "--name", "crawl-1"
            ).expectSuccess()
        }
        for crawl in 1...3 {
            if crawl > 1 {
                _ = try #require(httpGet(port: origin.port, "/_/revise"))
                try await queueAgain(crawl, count, &random)
            }
            let run = ["run", "-q", "--keep-validators", "-o", "out", "-w", "50", "--no-adapt"]
            for _ in 0..<kills {
                let running = try program.start("runner", run)
                try await Task.sleep(for: .milliseconds(Int.random(in: 1...300, using: &random)))
                running.kill(SIGKILL)
                _ = await running.wait()
                try await program.expectSoundQueue()
            }
            let last = try await program.start("runner", run + ["--per-host", "50"]).wait()
            #expect(last.status == 0, "\(last.out)\(last.err)")
            try await program.expectVerified("crawl \(crawl)")
            // Each job that has not changed was answered by a 304, and a kill repeats a few.
            let unchanged = try origin.conditions().unchanged - unchangedBefore
            let most = kills * 10_000
            let least = crawl == 1 ? 0 : count - (count + 9) / 10
            #expect((least...least + (crawl == 1 ? 0 : most)).contains(unchanged), "\(unchanged)")
            unchangedBefore += unchanged
        }
        let records = try records()
        #expect(records.count { $0.batch == 1 && $0.outcome == "200" && $0.hasBody } == count)
        #expect(records.count == 3 * count)
        for batch in 2...3 { expectTenthChanged(records, batch: batch, count: count) }
        let outcomes = try await program.status().outcomes
        let changed = (count + 9) / 10
        #expect(
            Set(outcomes.map { "\($0.outcome) \($0.state) \($0.count)" })
                == [
                    "200 completed \(count + 2 * changed)",
                    "unchanged completed \(2 * (count - changed))",
                ])
        let rows = try await runner("export", "--outcome", "unchanged", "--format", "jsonl").out
        #expect(rows.split(separator: "\n").count == 2 * (count - changed))
    }

    /// Queues the crawl before once more, which is killed on the way: all of it, or nothing.
    private func queueAgain(
        _ crawl: Int, _ count: Int, _ random: inout SeededGenerator
    ) async throws {
        let arguments = ["enqueue", "--from-batch", "crawl-\(crawl - 1)", "--changed"]
        for _ in 0..<3 {
            let killed = try program.start(
                "runner", arguments + ["--if-absent", "crawl-\(crawl)"])
            try await Task.sleep(for: .milliseconds(Int.random(in: 1...60, using: &random)))
            killed.kill(SIGKILL)
            _ = await killed.wait()
            let total = try await program.status().jobs.total
            #expect(total == (crawl - 1) * count || total == crawl * count)
        }
        try await program.start("runner", arguments + ["--if-absent", "crawl-\(crawl)"]).wait()
            .expectSuccess()
        #expect(try await program.status().jobs.total == crawl * count)
    }

    /// What becomes of ten resources when they are asked for again, of which one has changed.
    @Test(arguments: [
        ("tag", 9, 0), ("date", 9, 0), ("weak", 9, 0), ("bytes", 9, 0), ("long256", 9, 0),
        ("long257", 0, 10), ("bare", 0, 10), ("two", 0, 10), ("control", 0, 10), ("always", 0, 0),
        ("moving", 0, 0), ("coded", 9, 0), ("sized", 9, 0),
    ])
    func oddValidators(_ kind: String, unchanged: Int, leftOut: Int) async throws {
        let origin = try await TestOrigin()
        let keep = ["run", "-q", "--keep-validators", "--json"]
        try await runner(
            "enqueue", "--range", "0..10", "--url", "\(origin.url)/versioned/\(kind)/{id}"
        ).expectSuccess()
        let first = try await program.start("runner", keep).wait()
        first.expectSuccess()
        let requests = try #require(try first.json["requests"] as? [String: Any])
        #expect(requests["etags_left_out"] as? Int == (leftOut > 0 ? leftOut : nil))
        _ = try #require(httpGet(port: origin.port, "/_/revise"))
        let again = try await runner("enqueue", "--from-batch", "1", "--changed", "--json")
        #expect(again.status == 0, "\(again.err)")
        #expect(try again.json["validators"] as? Int == (leftOut > 0 ? 0 : 10))
        let note = "note: no job of batch 1 has validators"
        #expect(again.err.contains(note) == (leftOut > 0), "\(again.err)")
        #expect(try origin.conditions().asked == 0)
        try await runner("run", "-q").expectSuccess()
        #expect(try origin.conditions().asked == (leftOut > 0 ? 0 : 10))
        #expect(try origin.conditions().unchanged == unchanged)
        let outcomes = try await program.status().outcomes
        #expect(outcomes.first { $0.outcome == "unchanged" }?.count ?? 0 == unchanged)
        #expect(outcomes.first { $0.outcome == "200" }?.count == 20 - unchanged)
        try await program.expectVerified()
        // Asked for without keeping them, they are gone for the third crawl.
        let third = try await runner("enqueue", "--from-batch", "2", "--changed")
        #expect(third.status == 0)
        #expect(third.err.contains("no job of batch 2 has validators"), "\(third.err)")
    }

    @Test func conditions_areTheJobsOwn_andTheUsersWin() async throws {
        let origin = try await TestOrigin()
        for (name, path) in [
            ("refused", "versioned/refusing"), ("own", "versioned/tag"), ("bare", "status/304"),
            ("led", "redirect-to/%2Fversioned%2Ftag%2F3"),
        ] {
            try await runner(
                "enqueue", "--range", "0..2", "--url", "\(origin.url)/\(path)/{id}", "--name", name
            ).expectSuccess()
        }
        let first = try await runner("run", "-q", "--keep-validators")
        // A 304 that nobody has asked for fails, as ever.
        #expect(first.status == 1, "\(first.err)")
        // Validators of where a redirect led are not the job's.
        for name in ["bare", "led"] {
            let again = try await runner("enqueue", "--from-batch", name, "--changed")
            #expect(again.status == 0)
            #expect(again.err.contains("(\(name)) has validators"), "\(again.err)")
        }
        try await runner("enqueue", "--from-batch", "refused", "--changed", "--name", "a")
            .expectSuccess()
        try await runner("enqueue", "--from-batch", "own", "--changed", "--name", "b")
            .expectSuccess()
        let refused = try await runner("run", "-q", "--batch", "a")
        #expect(refused.status == 1)
        let outcomes = try await program.status(batch: "a").outcomes
        #expect(outcomes.map { "\($0.outcome) \($0.state) \($0.count)" } == ["412 failed 2"])
        // The user asks for something else, and is told so: that is no `unchanged`.
        let own = try await runner(
            "run", "-q", "--batch", "b", "-H", "If-None-Match: \"other\"")
        own.expectSuccess()
        #expect(try await program.status().outcomes.contains { $0.outcome == "unchanged" } == false)
    }

    @Test(arguments: ["jsonl", "jsonl.gz", "files", "warc"])
    func unchangedRecords_haveNoBody(_ format: String) async throws {
        let origin = try await TestOrigin()
        try await runner(
            "enqueue", "--range", "0..20", "--url", "\(origin.url)/versioned/tag/{id}"
        ).expectSuccess()
        let run = ["run", "-q", "--keep-validators", "-o", "out", "--format", format]
        try await program.start("runner", run).wait().expectSuccess()
        _ = try #require(httpGet(port: origin.port, "/_/revise"))
        try await runner("enqueue", "--from-batch", "1", "--changed").expectSuccess()
        try await program.start("runner", run).wait().expectSuccess()
        try await program.expectVerified()
        switch format {
        case "jsonl", "files": expectTenthChanged(try records(), batch: 2, count: 20)
        case "warc":
            let packed = try program.files(in: "out").values.flatMap(\.self)
            write(packed, to: program.folder.file("all.warc.gz"))
            let text = try await program.start("/bin/zcat", ["all.warc.gz"]).wait().out
            #expect(text.components(separatedBy: "WARC-Type: revisit\r\n").count == 19)
            #expect(text.components(separatedBy: "WARC-Type: response\r\n").count == 23)
            #expect(
                text.components(
                    separatedBy: "WARC-Profile: "
                        + "http://netpreserve.org/warc/1.1/revisit/server-not-modified\r\n"
                ).count == 19)
            // The requests as they were sent.
            #expect(text.components(separatedBy: "\r\nIf-None-Match: \"").count == 21)
        default: break
        }
    }

    @Test func handlers_areNotGivenWhatHasNotChanged() async throws {
        let origin = try await TestOrigin()
        try await runner(
            "enqueue", "--range", "1..6", "--url", "\(origin.url)/versioned/tag/{id}"
        ).expectSuccess()
        try await runner("run", "-q", "--keep-validators").expectSuccess()
        try await runner("enqueue", "--from-batch", "1", "--changed").expectSuccess()
        // It fails all that it is given.
        let run = try await runner("run", "-q", "--handler", "exit 1", "--retries", "0")
        #expect(run.status == 0, "\(run.out)\(run.err)")
        #expect(
            try await program.status().outcomes.contains {
                $0.outcome == "unchanged" && $0.count == 5
            })
    }

    @Test func wholeBatches_areQueuedAgain_withAllTheirRequestsHave() async throws {
        let lines = """
            {"url": "http://127.0.0.1:9/a", "method": "POST", "body": "x", "key": "k1"}
            {"url": "http://127.0.0.1:9/b", "headers": {"X-A": "1"}, "meta": {"m": 2}}

            """
        write(Array(lines.utf8), to: program.folder.file("list.jsonl"))
        try await runner("enqueue", "list.jsonl", "--name", "one").expectSuccess()
        try await runner("cancel", "one").expectSuccess()
        try await runner("enqueue", "--from-batch", "one", "--name", "two").expectSuccess()
        let rows = try await runner("export", "--format", "jsonl", "--state", "available").out
        #expect(rows.contains(#""key":"k1""#) && rows.contains("127.0.0.1:9/b"), "\(rows)")
        #expect(try await program.jobs()["available"] == 2)
        try await program.expectSoundQueue()
        try await runner("enqueue", "--from-batch", "one", "--changed", "--outcome", "200")
            .expectRefusal(2, "leave out --outcome")
        try await runner("enqueue", "--changed").expectRefusal(2, "--from-batch")
    }

    @Test func queuesWhoseBatchesAskForChanges_areNotSplit_untilTheseAreDone() async throws {
        let origin = try await TestOrigin()
        try await runner(
            "enqueue", "--range", "0..10", "--url", "\(origin.url)/versioned/tag/{id}"
        ).expectSuccess()
        try await runner("run", "-q", "--keep-validators").expectSuccess()
        try await runner("enqueue", "--from-batch", "1", "--changed").expectSuccess()
        try await runner("split", "--into", "2", "--dir", "s")
            .expectRefusal(3, "batch 2", "then split")
        try await runner("run", "-q").expectSuccess()
        try await runner("split", "--into", "2", "--dir", "s").expectSuccess()
        try await runner("run", "-q", "--keep-validators", "--queue", "s/0/runner.db")
            .expectRefusal(3, "shard 0/2", "validators")
    }
}
