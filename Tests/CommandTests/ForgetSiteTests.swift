import Foundation
import JobStore
import StoreConformance
import Stores
import TestPostgres
import TestSupport
import Testing

/// `runner forget-site`: output folders that are lost, of a fleet, of merged shards, and of a queue
/// that has one.
@Suite(.serialized) struct ForgetSiteTests {
    private let program = Program()

    private func shared() throws -> Program {
        var program = Program()
        program.environment["RUNNER_QUEUE"] = try PostgresServer.shared.makeDatabase().url
        return program
    }

    /// The IDs of the records in output folders, as a reader finds them that knows nothing of
    /// queues, by batch.
    private func records(_ program: Program, _ folders: String...) throws -> [Int: [Int]] {
        struct Line: Decodable {
            let id: Int
            let batch: Int
        }
        var ids: [Int: [Int]] = [:]
        for folder in folders {
            for (name, bytes) in try program.files(in: folder) where name.hasSuffix(".jsonl") {
                for line in bytes.split(separator: UInt8(ascii: "\n")) {
                    let record = try JSONDecoder().decode(Line.self, from: Data(line))
                    ids[record.batch, default: []].append(record.id)
                }
            }
        }
        return ids.mapValues { $0.sorted() }
    }

    private func remove(_ folder: String, of program: Program) throws {
        try FileManager.default.removeItem(atPath: program.folder.file(folder))
    }

    private func move(_ name: String, to other: String, of program: Program) throws {
        try FileManager.default.moveItem(
            atPath: program.folder.file(name), toPath: program.folder.file(other))
    }

    private func forget(_ program: Program, _ more: String...) async throws -> Program.Result {
        try await program.start("runner", ["forget-site"] + more).wait()
    }

    @Test(.timeLimit(.minutes(5))) func aFleetThatLostAFolder_fetchesItsJobsAnew() async throws {
        let program = try shared()
        let origin = try await TestOrigin()
        let names = ["h1.test", "h2.test", "h3.test"]
        let resolved = names.flatMap { ["--resolve", "\($0):\(origin.port):127.0.0.1"] }
        try await program.runner(
            "enqueue", "--range", "0..6000", "--url", "\(origin.url)/delay/5/{id}"
        ).expectSuccess()
        let lines = (0..<900).map {
            "\(origin.url.replacing("127.0.0.1", with: names[$0 % 3]))/delay/5/\($0)\n"
        }.joined()
        write(Array(lines.utf8), to: program.folder.file("list"))
        try await program.runner("enqueue", "list", "--priority", "1").expectSuccess()
        func start(_ folder: String, _ workers: Int = 20) throws -> Program.Running {
            try program.start(
                "runner", ["run", "-w", "\(workers)", "--output", folder] + resolved)
        }
        func end(_ run: Program.Running) async {
            run.kill(SIGINT)
            let ended = await run.wait()
            #expect(ended.status == 11, "\(ended.err)")
        }
        // All together, or the second would be told where the first one's output is.
        let slow = try ["a", "b", "c"].map { try start($0, 1) }
        try await slow[0].wait {
            try await forget(program).out.split(separator: "\n").count == 3
        }
        for run in slow { await end(run) }
        // One by one, so that each has its share: one may hold all segments.
        for folder in ["b", "a"] {
            let before = try await program.status().jobs.completed
            let run = try start(folder)
            try await run.wait { try await program.status().jobs.completed > before + 300 }
            await end(run)
        }
        let others = try [start("a"), start("c")]
        for run in others {
            let result = await run.wait()
            #expect(result.status == 0, "\(result.err)")
        }
        let lost = try records(program, "b").values.reduce(0) { $0 + $1.count }
        try #require(lost > 0 && lost < 6900, "each run has fetched some")
        let list = try await forget(program)
        #expect(list.out.split(separator: "\n").count == 3 && list.out.contains("/b: "))
        try await refusals(program)
        let dry = try await forget(program, "b", "--json")
        #expect(try dry.json["jobs"] as? Int == lost && dry.json["done"] as? Bool == false)
        #expect(try await program.status().jobs.completed == 6900)

        (try await forget(program, "b", "--yes")).expectRefusal(3, "/b, is here", "move it away")
        #expect(try await program.status().jobs.completed == 6900)
        try move("b", to: "old", of: program)
        // Runs that write elsewhere go on.
        let live = try program.start(
            "runner", ["run", "--follow", "-w", "20", "--output", "c"] + resolved)
        try await live.wait { live.err.contains("resuming") }
        (try await forget(program, "c", "--yes")).expectRefusal(
            4, "writes to this output folder", "stop that run first")
        let done = try await forget(program, "b", "--yes")
        #expect(done.status == 0 && done.err.isEmpty, "\(done.out)\(done.err)")
        try await live.wait { try await program.status().jobs.completed == 6900 }
        live.kill(SIGINT)
        await live.wait()
        let back = try await program.runner("run", "--output", "old", "-q")
        #expect(back.status == 3 && back.err.contains("given up for lost"), "\(back.err)")
        #expect(
            try records(program, "a", "c") == [1: Array(0..<6000), 2: Array(0..<900)])
        let verified = try await program.runner("verify", "--json")
        #expect(verified.status == 0, "\(verified.out)")
        #expect(try verified.json["records"] as? Int == 6900)
    }

    /// Where another folder is not whole, more jobs would be taken for lost than are.
    private func refusals(_ program: Program) async throws {
        let before = try await program.status().jobs
        let name = "responses-00001.jsonl"
        try move("a/\(name)", to: "away", of: program)
        for more in [["b"], ["b", "--yes"]] {
            let result = try await program.start("runner", ["forget-site"] + more).wait()
            result.expectRefusal(3, "nothing was put back", "/a/\(name) is missing")
        }
        try move("away", to: "a/\(name)", of: program)
        try move("a", to: "away", of: program)
        (try await forget(program, "b", "--yes")).expectRefusal(3, "nothing was put back", "/a ")
        let number = try await forget(program).out.split(separator: "\n").first {
            $0.contains("/a: ")
        }?.split { !$0.isNumber }.first
        let placed = try await forget(program, "b", "--folder", "\(number ?? "")=away")
        #expect(placed.status == 0, "\(placed.err)")
        try move("away", to: "a", of: program)
        (try await forget(program, "d", "--yes")).expectRefusal(2, "no output folder 'd'", "/a)")
        let after = try await program.status().jobs
        #expect(after.completed == before.completed && after.available == before.available)
    }

    @Test(.timeLimit(.minutes(5))) func mergedShards_fetchTheJobsOfALostFolderAnew() async throws {
        let origin = try await TestOrigin()
        try await program.enqueue(9000, origin, "{id}")
        try await program.runner("split", "--into", "2", "--dir", "shards").expectSuccess()
        for shard in 0..<2 {
            let queue = "shards/\(shard)/runner.db"
            let run = try await program.runner(
                "run", "-q", "-w", "20", "--queue", queue, "--output", "shards/\(shard)/out")
            #expect(run.status == 0, "\(run.err)")
            (try await forget(program, "0", "--queue", queue))
                .expectRefusal(2, "holds shard \(shard)/2", "merged")
        }
        try await program.runner("merge", "--queue", "all.db", "shards/*/runner.db")
            .expectSuccess()
        let lost = try records(program, "shards/1/out")[1]?.count
        try remove("shards/1/out", of: program)
        (try await forget(program, "1", "--queue", "all.db", "--yes"))
            .expectRefusal(3, "shards/1/out", "nothing was put back")
        let done = try await forget(
            program, "shards/1/out", "--queue", "all.db", "--yes", "--json")
        #expect(try done.json["jobs"] as? Int == lost && done.json["done"] as? Bool == true)
        #expect(try await program.runner("verify", "--queue", "all.db").status == 0)
        let run = try await program.runner(
            "run", "-q", "-w", "20", "--queue", "all.db", "--output", "rest")
        #expect(run.status == 0, "\(run.err)")
        #expect(try records(program, "shards/0/out", "rest") == [1: Array(0..<9000)])
        #expect(try await program.runner("verify", "--queue", "all.db").status == 0)
        // Now the queue's own, beside the one that is left.
        try remove("rest", of: program)
        #expect(try await forget(program, "rest", "--queue", "all.db", "--yes").status == 0)
        let again = try await program.runner(
            "run", "-q", "-w", "20", "--queue", "all.db", "--output", "more")
        #expect(again.status == 0 && !again.err.contains("completed before"), "\(again.err)")
        #expect(try records(program, "shards/0/out", "more") == [1: Array(0..<9000)])
        let verified = try await program.runner("verify", "--queue", "all.db", "--json")
        #expect(
            try verified.json["sound"] as? Bool == true && verified.json["notes"] as? [String] == []
        )
    }

    /// What a site's pages led to is known already, so each page is fetched again, once.
    @Test(.timeLimit(.minutes(5))) func aFollowedSite_isFetchedAnew() async throws {
        let origin = try await TestOrigin()
        let url = "\(origin.url)/site/7.300"
        write(Array("\(url)/0\n".utf8), to: program.folder.file("seed.txt"))
        try await program.runner("enqueue", "seed.txt", "--unique").expectSuccess()
        let arguments = [
            "run", "-q", "-w", "20", "--per-host", "20", "--follow-links", "--follow-skip", "[?]",
        ]
        let first = try await program.start("runner", arguments + ["-o", "out"]).wait()
        let before = try await program.status().jobs
        #expect(first.status == 0 && before.completed > 100, "\(first.err)")
        try remove("out", of: program)
        let done = try await forget(program, "0", "--yes")
        #expect(done.out.contains("all that is completed"), "\(done.out)\(done.err)")
        #expect(try await program.status().jobs.available == before.completed)
        let quiet = try await program.start("runner", arguments + ["-o", "out"]).wait()
        #expect(quiet.status == 0, "\(quiet.err)")
        #expect(try await program.status().jobs.completed == before.completed)
        let ids = try records(program, "out")
        #expect(ids.values.reduce(0) { $0 + $1.count } == before.completed)
        #expect(ids.values.allSatisfy { Set($0).count == $0.count })
        #expect(try await program.runner("verify").status == 0)
    }

    @Test func jobsFromBeforeTheOutput_cannotBeTold() async throws {
        let origin = try await TestOrigin()
        try await program.enqueue(20, origin, "{id}")
        #expect(try await program.runner("run", "-q").status == 0)
        (try await forget(program)).expectSuccess()
        try await program.enqueue(30, origin, "{id}")
        #expect(try await program.runner("run", "-q", "--output", "out").status == 0)
        try remove("out", of: program)
        (try await forget(program, "0", "--yes"))
            .expectRefusal(3, "20 jobs", "completed before there was an output folder")
        #expect(try await program.status().jobs.completed == 50)
    }

    /// So are those of a run that keeps nothing, though others have kept theirs.
    @Test func jobsOfARunWithoutAnOutput_cannotBeTold() async throws {
        let origin = try await TestOrigin()
        try await program.enqueue(9000, origin, "{id}")
        try await program.runner("split", "--into", "2", "--dir", "shards").expectSuccess()
        for shard in 0..<2 {
            let run = try await program.runner(
                "run", "-q", "-w", "20", "--queue", "shards/\(shard)/runner.db", "--output",
                "shards/\(shard)/out", "--output-failures")
            #expect(run.status == 0, "\(run.err)")
        }
        try await program.runner("merge", "shards/*/runner.db", "--queue", "all.db")
            .expectSuccess()
        try await program.runner(
            "enqueue", "--queue", "all.db", "--range", "0..200", "--url", "\(origin.url)/{id}"
        ).expectSuccess()
        #expect(try await program.runner("run", "-q", "--queue", "all.db").status == 0)
        try remove("shards/1/out", of: program)
        (try await forget(program, "shards/1/out", "--queue", "all.db", "--yes"))
            .expectRefusal(3, "200 jobs", "nothing was put back")
        let counts = try await program.runner("status", "--queue", "all.db", "--json")
        #expect(counts.out.contains("\"completed\" : 9200"), "\(counts.out)")
    }

    /// A queue with an output in a folder that is gone: half of its jobs are completed, the others
    /// have failed, in turns.
    private func makeQueue(at location: String, segments: Int) async throws -> Int {
        let queue = StoreClient(to: try openQueue(at: location, makesMissing: true))
        let jobs = segments * Segment.countMax
        let request = try RequestTemplate(parsing: "http://127.0.0.1:1/{id}")
        _ = try await queue.enqueue(JobRange(first: 0, count: jobs), request: request)
        _ = try await queue.attach(RunnerDescription(pid: 1, workers: 1))
        let file = OutputFile(
            id: 1, name: "responses-00001.jsonl", format: "jsonl", bytes: jobs, crc32: 1,
            records: jobs / 2)
        try await queue.keepOutput(
            OutputSettings(
                folder: "/nowhere/out", identity: "c0ffee", format: "jsonl",
                rotateBytes: 1 << 30, keepsBodies: true, keepsFailures: false), [file])
        while case let claimed = try await queue.claim(jobs: 4 * Segment.countMax),
            !claimed.isEmpty
        {
            let marks = claimed.flatMap { segment in
                segment.todo.joined().map {
                    Mark(
                        batchID: 1, position: $0, attempt: 1,
                        outcome: Outcome($0 % 2 == 0 ? .completed : .failed, status: 200))
                }
            }
            try await queue.commit(marks, heartbeat: Heartbeat(requestsPerSecond: 1))
        }
        try await queue.detach()
        await queue.close()
        return jobs
    }

    @Test(.timeLimit(.minutes(10)), arguments: [false, true])
    func kills_leaveEachJobInOneState_andTheNextCallDoesTheRest(isShared: Bool) async throws {
        let program = isShared ? try shared() : self.program
        let location = program.environment["RUNNER_QUEUE"] ?? program.folder.file("runner.db")
        let jobs = try await makeQueue(at: location, segments: 100)
        var random = SeededGenerator(seed: testSeed(for: "forgetSite_kills \(isShared)"))
        let ledger = try openLedger(at: location)
        var (killed, parts) = (0, 0)
        for _ in 1...setting("RUNNER_TEST_KILLS", default: 12) {
            let before = try await ledger.counts().available
            let call = try program.start("runner", ["forget-site", "0", "--yes"])
            try await call.wait {
                if call.hasEnded { return true }
                return try await ledger.counts().available > before
            }
            try await Task.sleep(for: .milliseconds(Int.random(in: 0...30, using: &random)))
            call.kill(SIGKILL)
            let result = await call.wait()
            if result.signal == SIGKILL { killed += 1 }
            #expect(try await ledger.verify() == [])
            let counts = try await ledger.counts()
            #expect(counts.available + counts.completed == jobs / 2 && counts.failed == jobs / 2)
            guard result.signal == SIGKILL else { break }
            if 1..<jobs / 2 ~= counts.available {
                parts += 1
                guard !isShared else { continue }
                (try await program.runner("run", "-q"))
                    .expectRefusal(3, "begun to forget output 0", "runner forget-site 0 --yes")
                (try await program.runner("split", "--into", "2", "--dir", "shards"))
                    .expectRefusal(3, "begun to forget output 0")
            }
        }
        #expect(killed > 0 && parts > 0, "no call was killed half-way, so nothing was shown")
        print("forgetSite_kills: \(killed) kills, \(parts) half-way")
        if try await forget(program).out.contains("/nowhere/out") {
            let last = try await forget(program, "0", "--yes")
            #expect(last.status == 0, "\(last.err)")
        }
        await ledger.close()
        let jobsNow = try await program.status().jobs
        #expect(jobsNow.available == jobs / 2 && jobsNow.failed == jobs / 2)
        #expect(try await forget(program).out.contains("has no output folder"))
        let verified = try await program.runner("verify")
        #expect(verified.status == 0, "\(verified.out)")
    }
}
