import Foundation
import JobStore
import TestSupport
import Testing

/// A queue that several machines work on, as people do it: split, run, killed, merged.
@Suite(.serialized) struct ShardCommandTests {
    private let program = Program()
    private static let pattern = "shards/*/runner.db"

    private func shard(_ number: Int) -> String { "shards/\(number)/runner.db" }

    private func text(_ arguments: String...) async throws -> String {
        let result = try await program.start("runner", arguments).wait()
        result.expectSuccess()
        return result.out
    }

    /// Runs a queue and kills it again and again, then runs it to its end.
    private func run(
        _ queue: String, into output: String, kills: Int, _ random: inout SeededGenerator
    ) async throws {
        let arguments = ["run", "--queue", queue, "--output", output, "--workers", "50", "-q"]
        for _ in 0..<kills {
            let run = try program.start("runner", arguments)
            let file = program.folder.file("\(output)/.runner")
            try await run.wait { FileManager.default.fileExists(atPath: file) }
            try await Task.sleep(for: .milliseconds(Int.random(in: 0...300, using: &random)))
            run.kill(SIGKILL)
            await run.wait()
        }
        let last = try await program.start("runner", arguments).wait()
        #expect(last.status == 0, "\(last.err)")
    }

    /// Runs a queue one request after another, and kills it once some more jobs are completed.
    private func runInPart(
        _ queue: String, _ more: String...
    ) async throws -> (completed: Int, err: String) {
        func completed() async throws -> Int {
            let status = try await program.runner("status", "--queue", queue, "--json")
            return try StatusJSON.decoder.decode(StatusJSON.self, from: Data(status.out.utf8))
                .jobs.completed
        }
        let before = try await completed()
        let run = try program.start("runner", ["run", "--queue", queue, "--workers", "1"] + more)
        try await run.wait { try await completed() > before }
        run.kill(SIGKILL)
        let err = await run.wait().err
        return (try await completed(), err)
    }

    @Test(.timeLimit(.minutes(5)))
    func aKilledRun_split_killedAgain_andMerged_hasOneRecordOfEachJob() async throws {
        var random = SeededGenerator(seed: testSeed(for: "aKilledRun_split"))
        let origin = try await TestOrigin()
        let jobs = 8000
        try await program.enqueue(jobs, origin)
        let first = try program.start(
            "runner", ["run", "--output", "out", "--workers", "50", "-q"])
        let share = Int.random(in: 400...3600, using: &random)
        try await first.wait { try await program.status().jobs.completed > share }
        first.kill(SIGKILL)
        await first.wait()
        let completed = try await program.status().jobs.completed

        let split = try await program.runner("split", "--into", "5", "--dir", "shards", "--json")
        split.expectSuccess()
        #expect(try split.json["shards"] as? Int == 5 && split.json["new"] as? Bool == true)
        let refused = try await program.runner("run")
        refused.expectRefusal(3, "was split into 5 queues", "shards/0/runner.db")
        try await program.runner("enqueue", "--range", "0..1").expectRefusal(3, "was split")
        let half = try await program.runner("status", "--queue", Self.pattern, "--json")
        half.expectSuccess()
        let sums = try #require(try half.json["jobs"] as? [String: Any])
        #expect(sums["completed"] as? Int == completed && sums["total"] as? Int == jobs)
        #expect((try half.json["queues"] as? [[String: Any]])?.count == 5)
        #expect(try await text("status").contains("split into 5 queues"))

        for number in 0..<5 {
            try await run(
                shard(number), into: "shards/\(number)/out", kills: number % 2, &random)
        }
        let merge = try await program.runner("merge", "--queue", "all.db", Self.pattern)
        merge.expectSuccess()
        #expect(merge.out.contains("merged 5 shards to all.db: 8,000 jobs, all done"))
        for queue in ["all.db", Self.pattern] {
            let verified = try await program.runner("verify", "--queue", queue, "--json")
            #expect(verified.status == 0, "\(verified.out)")
            #expect(try verified.json["records"] as? Int == jobs)
        }
        let rows = try await text("export", "--queue", "all.db")
        #expect(try await text("export", "--queue", Self.pattern) == rows)
        #expect(rows.split(separator: "\n").count == jobs + 1)
        try program.gather(["out"] + (0..<5).map { "shards/\($0)/out" })
        try await program.checkOutput(.jsonl, folder: "gathered", jobs: jobs)
    }

    /// What is not done is done by the merged queue, in a folder of its own; and moved together, all is
    /// found again.
    @Test(.timeLimit(.minutes(2)))
    func unfinishedShards_areDoneByTheMergedQueue() async throws {
        var random = SeededGenerator(seed: testSeed(for: "unfinishedShards"))
        let origin = try await TestOrigin()
        try await program.enqueue(900, origin)
        try await program.runner("split", "--into", "3", "--dir", "shards").expectSuccess()
        try await run(shard(1), into: "shards/1/out", kills: 1, &random)
        let done = try await runInPart(shard(2), "--output", "shards/2/out").completed
        // Of a part of the shards, what is there is checked, and what is not is told.
        let two = try await program.runner(
            "verify", "--queue", shard(1), "--queue", shard(2))
        #expect(two.status == 0 && two.out.contains("shards 0/3 were not named"), "\(two.out)")
        let merge = try await program.runner("merge", "--queue", "all.db", Self.pattern, "--json")
        merge.expectSuccess()
        let left = try #require(try merge.json["jobs"] as? [String: Any])
        #expect(left["completed"] as? Int == 300 + done)
        #expect(left["available"] as? Int == 600 - done)
        let dropping = try await runInPart("all.db")
        #expect(
            dropping.err.contains("responses are dropped, though they were kept (jsonl)"),
            "\(dropping.err)")
        let dropped = dropping.completed - 300 - done
        try await run("all.db", into: "rest", kills: 1, &random)
        let verified = try await program.runner("verify", "--queue", "all.db")
        #expect(verified.status == 0, "\(verified.out)")
        #expect(verified.out.contains("jobs completed before there was an output"))
        try program.gather(["shards/1/out", "shards/2/out", "rest"])
        try await program.checkOutput(
            .jsonl, folder: "gathered", jobs: 900, more: ["--missing", "\(dropped)"])

        // Folders are kept from the queue's on.
        let files = FileManager.default
        let moved = program.folder.file("moved")
        try files.createDirectory(atPath: moved, withIntermediateDirectories: false)
        for name in ["all.db", "shards", "rest"] {
            try files.moveItem(atPath: program.folder.file(name), toPath: "\(moved)/\(name)")
        }
        let there = try await program.runner("verify", "--queue", "moved/all.db")
        #expect(there.status == 0, "\(there.out)")
    }

    /// A job that has a record in two folders is told of, by its ID.
    @Test(.timeLimit(.minutes(1)))
    func aJobWithRecordsInTwoFolders_isFound() async throws {
        var random = SeededGenerator(seed: testSeed(for: "aJobWithRecordsInTwoFolders"))
        let origin = try await TestOrigin()
        try await program.enqueue(40, origin)
        try await program.runner("split", "--into", "2", "--dir", "shards").expectSuccess()
        for number in 0..<2 {
            try await run(shard(number), into: "shards/\(number)/out", kills: 0, &random)
        }
        // A line of the first shard, as if written by the second.
        let script = """
            import sqlite3, zlib
            line = open("shards/0/out/responses-00001.jsonl", "rb").readline()
            name = "shards/1/out/responses-00001.jsonl"
            whole = open(name, "rb").read() + line
            open(name, "wb").write(whole)
            queue = sqlite3.connect("shards/1/runner.db")
            queue.execute("UPDATE output SET bytes = ?, crc32 = ?, records = records + 1",
                          (len(whole), zlib.crc32(whole)))
            queue.commit()
            """
        try await program.start("/usr/bin/python3", ["-c", script]).wait().expectSuccess()
        try await program.runner("merge", "--queue", "all.db", Self.pattern).expectSuccess()
        for queue in ["all.db", Self.pattern] {
            let verified = try await program.runner("verify", "--queue", queue)
            #expect(verified.status == 3, "\(verified.out)")
            #expect(
                verified.out.contains("jobs with more than one record (1 too many)")
                    && verified.out.contains("1/out/responses-00001.jsonl"), "\(verified.out)")
        }
    }

    /// As pods of an indexed job do it: each queues its own shard.
    @Test(.timeLimit(.minutes(1)))
    func shardsThatAreQueuedApart_areTheWholeRange() async throws {
        let origin = try await TestOrigin()
        let jobs = ["--range", "0..1000", "--step", "3", "--url", "\(origin.url)/mixed/{id}"]
        let others = Program(in: program.folder)
        for index in 0..<3 {
            var pod = others
            pod.environment = ["JOB_COMPLETION_INDEX": "\(index)"]
            let script = """
                set -eu; export PATH=\(Program.products):$PATH
                runner enqueue --queue pod$JOB_COMPLETION_INDEX.db --if-absent all \
                    --shard $JOB_COMPLETION_INDEX/3 \(jobs.joined(separator: " "))
                runner run --queue pod$JOB_COMPLETION_INDEX.db --output pod$JOB_COMPLETION_INDEX -q
                """
            for _ in 0..<2 {
                let result = try await pod.start("/bin/sh", ["-c", script]).wait()
                #expect(result.status == 0, "\(result.err)")
            }
        }
        let whole = try await program.start(
            "runner", ["enqueue", "--queue", "whole.db"] + jobs
        ).wait()
        whole.expectSuccess()
        func rows(_ queue: String) async throws -> [Substring] {
            try await text("export", "--queue", queue).split(separator: "\n").map {
                $0.prefix { $0 != "," }
            }
        }
        #expect(try await rows("pod?.db") == rows("whole.db"))
        try await program.runner("merge", "--queue", "all.db", "pod?.db").expectSuccess()
        let verified = try await program.runner("verify", "--queue", "all.db", "--json")
        #expect(verified.status == 0, "\(verified.out)")
        #expect(try verified.json["records"] as? Int == 334)
        let other = try await program.start(
            "runner", ["enqueue", "--queue", "pod0.db", "--shard", "1/3"] + jobs
        ).wait()
        other.expectRefusal(3, "holds shard 0/3, not 1/3")
    }

    @Test(.timeLimit(.minutes(1)))
    func theIndexedJob_runsAsItStands() async throws {
        let origin = try await TestOrigin()
        let path = Tools.repository + "/deploy/kubernetes/indexed-job.yaml"
        let job = String(decoding: contents(of: path), as: UTF8.self)
        let script = try #require(
            job.firstMatch(of: #/ - \|\n((?: {14}.*\n)+)/#)
        ).1.replacing("cd /data", with: "cd .").replacing("0..100000000", with: "0..400")
            .replacing("https://api.example.com/items", with: origin.url + "/mixed")
        for index in [0, 7, 19] {
            var pod = Program(in: program.folder)
            pod.environment = [
                "JOB_COMPLETION_INDEX": "\(index)",
                "PATH": Program.products + ":/usr/bin:/bin",
            ]
            for _ in 0..<2 {
                let result = try await pod.start("/bin/sh", ["-ec", String(script)]).wait()
                #expect(result.status == 0, "\(result.err)")
            }
        }
        let verified = try await program.runner("verify", "--queue", "*/runner.db")
        #expect(verified.status == 0, "\(verified.out)")
        #expect(verified.out.contains("60 records in 3 files"), "\(verified.out)")
        #expect(verified.out.contains("shards 1/20, 2/20, 3/20, 4/20, 5/20 and 12 more were not"))
        let grace = try #require(job.firstMatch(of: #/--grace (\d+)/#)).1
        let term = try #require(job.firstMatch(of: #/terminationGracePeriodSeconds: (\d+)/#)).1
        #expect(try #require(Int(term)) > #require(Int(grace)))
    }

    /// More shards than a process may have files open.
    @Test(.timeLimit(.minutes(2)))
    func manyShards_needFewOpenFiles() async throws {
        try await program.runner(
            "enqueue", "--range", "0..9000", "--url", "http://127.0.0.1:1/{id}"
        ).expectSuccess()
        try await program.runner("split", "--into", "150", "--dir", "shards").expectSuccess()
        let script = """
            set -eu; ulimit -n 60; export PATH=\(Program.products):$PATH
            runner status --queue '\(Self.pattern)' | tail -2
            runner verify --queue '\(Self.pattern)'
            runner failures --queue '\(Self.pattern)'
            runner batches --queue '\(Self.pattern)' | tail -1 | cut -c 1-27
            runner export --queue '\(Self.pattern)' | cksum
            runner merge --queue all.db '\(Self.pattern)'
            runner export --queue all.db | cksum
            """
        let result = try await program.start("/bin/sh", ["-c", script]).wait()
        #expect(result.status == 0, "\(result.err)")
        let lines = result.out.split(separator: "\n")
        #expect(lines[0].contains("9,000") && lines[0].hasSuffix("150 queues"), "\(lines[0])")
        #expect(lines.contains("sound: 150 shards") && lines.contains("150 shards: 0 failed jobs"))
        #expect(lines.contains("     1        0       9,000"), "\(result.out)")
        #expect(lines[lines.count - 3] == lines[lines.count - 1], "\(result.out)")
    }

    @Test func queuesThatAreNoShards_areShownOneByOne() async throws {
        for (name, count) in [("a.db", 3), ("b.db", 5)] {
            try await program.runner(
                "enqueue", "--queue", name, "--range", "0..\(count)", "--url",
                "http://127.0.0.1:1/\(name)/{id}"
            ).expectSuccess()
        }
        let both = ["--queue", "a.db", "--queue", "b.db", "--queue", "./a.db"]
        func show(_ arguments: String...) async throws -> String {
            let result = try await program.start("runner", arguments + both).wait()
            result.expectSuccess()
            return result.out
        }
        let rows = try await show("export").split(separator: "\n")
        #expect(rows.count == 9 && rows[4] == "0,1,http://127.0.0.1:1/b.db/0,available,,")
        #expect(try await show("status").contains("  2 queues"))
        #expect(try await show("failures") == "2 queues: 0 failed jobs\n")
        let batches = try await show("batches", "--json").split(separator: "\n")
        #expect(batches.count == 2 && batches[1].contains(#""queue":"b.db""#))
        #expect(try await show("verify").contains("sound: b.db"))
        let json = try await show("verify", "--json")
        #expect(json.hasPrefix(#"{"queues":[{"bytes":0,"#) && json.contains(#""sound":true"#))
        let watch = try await program.start("runner", ["status", "--watch"] + both).wait()
        watch.expectRefusal(2, "--watch shows one queue")
        let output = try await program.start("runner", ["verify", "--output", "x"] + both).wait()
        output.expectRefusal(2, "--output names one folder")
        try await program.runner("status", "--queue", "*.nope").expectRefusal(2, "no file is named")
        try await program.runner("merge", "--queue", "c.db", "?.db")
            .expectRefusal(3, "none of the queues is a shard")
    }
}
