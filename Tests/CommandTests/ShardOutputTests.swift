import Foundation
import TestServer
import TestSupport
import Testing

/// The output folders of queues that are split and merged, whatever their last run has left there.
@Suite(.serialized) struct ShardOutputTests {
    private let program = Program()
    private static let pattern = "shards/*/runner.db"
    private static let file = "shards/0/out/responses-00001.jsonl"

    private func split(_ jobs: Int, _ origin: Origin) async throws {
        try await program.runner(
            "enqueue", "--range", "0..\(jobs)", "--url", "\(origin.url)/delay/30/{id}"
        ).expectSuccess()
        try await program.runner("split", "--into", "2", "--dir", "shards").expectSuccess()
    }

    private func run(_ queue: String, _ output: String, _ more: String...) async throws {
        let result = try await program.start(
            "runner", ["run", "--queue", queue, "--output", output, "-q", "-w", "20"] + more
        ).wait()
        #expect(result.status == 0, "\(result.err)")
    }

    private func lines(of file: String) -> [Substring] {
        String(decoding: contents(of: program.folder.file(file)), as: UTF8.self)
            .split(separator: "\n", omittingEmptySubsequences: true)
    }

    private func isThere(_ name: String) -> Bool {
        FileManager.default.fileExists(atPath: program.folder.file(name))
    }

    /// Such a run gives its lease back, and leaves records that do not count, in a file that may have
    /// none that do.
    @Test(.timeLimit(.minutes(1)), arguments: [1, 3])
    func aShardWhoseRunEndedOnAFullDisk_isCutWhenItIsMerged(sync: Int) async throws {
        let origin = try await Origin.start()
        try await split(100, origin)
        let full = try await program.start(
            injecting: ["fdatasync:error=ENOSPC:when=\(sync)"],
            paths: [program.folder.file(Self.file)],
            [
                "run", "--queue", "shards/0/runner.db", "--output", "shards/0/out", "-q", "-w",
                "4",
            ]
        ).wait(seconds: 60)
        #expect(full.status == 12, "\(full.err)")
        let done = try await program.jobs(queue: "shards/0/runner.db")["completed"] ?? 0
        #expect(lines(of: Self.file).count > done && (sync == 1) == (done == 0))
        try await program.runner("merge", "--queue", "all.db", Self.pattern).expectSuccess()
        #expect(lines(of: Self.file).count == done)
        #expect(isThere(Self.file) == (done > 0))
        try await run("all.db", "rest")
        let verified = try await program.runner("verify", "--queue", "all.db", "--json")
        #expect(verified.status == 0, "\(verified.out)")
        #expect(try verified.json["records"] as? Int == 100)
        await origin.stop()
    }

    /// It is to be cut, so it must be there.
    @Test(.timeLimit(.minutes(1)))
    func aShardWithoutItsOpenOutput_isNotMerged() async throws {
        let origin = try await Origin.start()
        try await split(20, origin)
        try await run("shards/1/runner.db", "shards/1/out")
        let (folder, away) = (program.folder.file("shards/1/out"), program.folder.file("away"))
        try FileManager.default.moveItem(atPath: folder, toPath: away)
        let refused = try await program.runner("merge", "--queue", "all.db", Self.pattern)
        refused.expectRefusal(3, "shards/1/out is gone", "put it back")
        #expect(!refused.err.contains("--output") && !isThere("all.db"))
        try FileManager.default.moveItem(atPath: away, toPath: folder)
        try await program.runner("merge", "--queue", "all.db", Self.pattern).expectSuccess()
        // Closed, it may be elsewhere when the shards are merged once more.
        try FileManager.default.moveItem(atPath: folder, toPath: away)
        try await program.runner("merge", "--queue", "more.db", Self.pattern).expectSuccess()
        await origin.stop()
    }

    // MARK: - Handing over

    private static let command = ["--on-seal", #"echo "$1" >>log"#]

    /// A queue of which 20 jobs of 60 were done, and their output was open, before it was split in two
    /// that have done the rest.
    private func splitHalfDone(_ origin: Origin, first: [String] = []) async throws {
        func enqueue(_ range: String) async throws {
            try await program.runner(
                "enqueue", "--range", range, "--url", "\(origin.url)/{id}"
            ).expectSuccess()
        }
        try await enqueue("0..20")
        try await run("runner.db", "whole")
        try await enqueue("20..60")
        try await program.runner("split", "--into", "2", "--dir", "shards").expectSuccess()
        let run = try await program.start(
            "runner",
            ["run", "--queue", "shards/0/runner.db", "--output", "shards/0/out"] + first
        ).wait()
        #expect(run.status == 0, "\(run.err)")
        try await self.run("shards/1/runner.db", "shards/1/out")
    }

    private func handOver(_ queue: String) async throws -> Program.Result {
        let result = try await program.start(
            "runner", ["run", "--queue", queue, "--output", "rest"] + Self.command
        ).wait()
        #expect(result.status == 0, "\(result.err)")
        return result
    }

    private func expectHanded(
        _ folders: [String], sourceLocation: SourceLocation = #_sourceLocation
    ) {
        let files = folders.map { program.folder.file("\($0)/responses-00001.jsonl") }
        #expect(lines(of: "log").map(String.init) == files, sourceLocation: sourceLocation)
    }

    /// Each once, whoever has sealed it.
    @Test(.timeLimit(.minutes(1)))
    func whatSplitAndMergeSeal_isHandedOver() async throws {
        let origin = try await Origin.start()
        try await splitHalfDone(origin, first: Self.command)
        expectHanded(["whole", "shards/0/out"])
        try await program.runner("merge", "--queue", "all.db", Self.pattern).expectSuccess()
        let (folder, away) = (program.folder.file("shards/1/out"), program.folder.file("away"))
        try FileManager.default.moveItem(atPath: folder, toPath: away)
        let without = try await handOver("all.db")
        #expect(
            without.err.contains("1 sealed output file is not handed over: the folder \(folder)"))
        // Another queue's folder is not taken for it.
        try FileManager.default.createDirectory(
            atPath: folder, withIntermediateDirectories: false)
        write(Array("other\n".utf8), to: folder + "/.runner")
        #expect(try await handOver("all.db").err.contains("not handed over: the folder"))
        expectHanded(["whole", "shards/0/out"])
        try FileManager.default.removeItem(atPath: folder)
        try FileManager.default.moveItem(atPath: away, toPath: folder)
        #expect(try await !handOver("all.db").err.contains("not handed over"))
        expectHanded(["whole", "shards/0/out", "shards/1/out"])
        _ = try await handOver("all.db")
        expectHanded(["whole", "shards/0/out", "shards/1/out"])
        try await program.runner("verify", "--queue", "all.db").expectSuccess()
        await origin.stop()
    }

    /// As soon as the merged queue, if no shard has.
    @Test(.timeLimit(.minutes(1)))
    func aMergedQueue_handsOverTheFilesOfAllItsFolders_andShowsThem() async throws {
        let origin = try await Origin.start()
        try await splitHalfDone(origin)
        try await program.runner("merge", "--queue", "all.db", Self.pattern).expectSuccess()
        let report = try await program.runner("report", "--json", "--queue", "all.db")
        let output = try #require(try report.json["output"] as? [String: Any])
        #expect(output["records"] as? Int == 60 && output["files"] as? Int == 3, "\(output)")
        #expect(output["folders"] as? Int == 3, "\(output)")
        let text = try await program.runner("report", "--queue", "all.db").out
        #expect(text.contains("60 records in 3 files") && text.contains("and 2 more folders"))
        let page = try await program.runner("report", "--html", "-", "--queue", "all.db").out
        for folder in ["whole", "shards/0/out", "shards/1/out"] {
            #expect(page.contains(program.folder.file("\(folder)/responses-00001.jsonl")))
        }
        try await expectServed("runner_output_records 60\n")
        let run = try await handOver("all.db")
        #expect(!run.err.contains("are not in it"), "\(run.err)")
        expectHanded(["whole", "shards/0/out", "shards/1/out"])
        await origin.stop()
    }

    /// Waits for a line of the metrics that `serve` has.
    private func expectServed(_ line: String) async throws {
        let server = try program.start("runner", ["serve", "--queue", "all.db", "--http", "0"])
        try await server.wait { server.err.contains("/#") }
        let base = try #require(server.err.firstMatch(of: #/http://[0-9.:]+/#)).0
        let script =
            "import sys, urllib.request as r; print(r.urlopen(sys.argv[1]).read().decode())"
        try await server.wait {
            try await program.start("/usr/bin/python3", ["-c", script, base + "/metrics"]).wait()
                .out.contains(line)
        }
        server.kill(SIGINT)
        await server.wait()
    }
}
