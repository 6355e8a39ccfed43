import Foundation
import TestQueue
import TestServer
import TestSupport
import Testing

/// Batches as a user tells them apart: names and priorities.
@Suite(.serialized) struct BatchTests {
    private let program = Program()

    private func enqueue(_ arguments: String...) async throws -> Program.Result {
        try await program.start("runner", ["enqueue"] + arguments).wait()
    }

    // MARK: - Names

    @Test func name_isRefused_whenAnotherBatchHasIt() async throws {
        try await enqueue("--range", "0..5", "--name", "ids").expectSuccess()
        try await enqueue("--range", "0..6", "--name", "ids")
            .expectRefusal(2, "'ids' belongs to batch 1", "--name")
        write(Array("http://127.0.0.1/a\n".utf8), to: program.folder.file("urls.txt"))
        try await enqueue("urls.txt", "--name", "ids")
            .expectRefusal(2, "'ids' belongs to batch 1", "--name")
        try await enqueue("urls.txt", "--name", "urls").expectSuccess()
        #expect(try await program.jobs()["total"] == 6)
    }

    @Test func ifAbsent_givesTheBatchItsName_andFindsOneThatHasIt() async throws {
        try await enqueue("--range", "0..5", "--if-absent", "ids").expectSuccess()
        try await enqueue("--range", "0..5", "--name", "ids")
            .expectRefusal(2, "'ids' belongs to batch 1")
        try await enqueue("--range", "0..5", "--name", "others").expectSuccess()
        for (name, batch) in [("ids", 1), ("others", 2)] {
            let again = try await enqueue("--range", "0..5", "--if-absent", name, "--json")
            again.expectSuccess()
            #expect(try again.json["new"] as? Bool == false)
            #expect(try again.json["batch"] as? Int == batch)
        }
        #expect(try await program.jobs()["total"] == 10)
    }

    @Test(arguments: [
        (["--name", "17"], "--name '17'", "an ID"), (["--name", ""], "--name is empty", "name"),
        (["--if-absent", "17"], "--if-absent '17'", "an ID"),
        (["--name", "a\u{1B}b"], "control characters", "--name"),
        (["--name", String(repeating: "n", count: 201)], "200 bytes", "--name"),
        (["--name", "a", "--if-absent", "b"], "--name and --if-absent", "one of them"),
        (["--priority", "1001"], "--priority is 1001", "-1000 to 1000"),
        (["--priority", "-1001"], "--priority is -1001", "-1000 to 1000"),
    ])
    func enqueue_isRefused(_ arguments: [String], _ fault: String, _ cure: String) async throws {
        let all = ["enqueue", "--range", "0..5"] + arguments
        try await program.start("runner", all).wait().expectRefusal(2, fault, cure)
        #expect(try program.files().isEmpty)
    }

    // MARK: - Looking

    @Test func batches_areListed() async throws {
        let origin = try await Origin.start()
        let secret = try await enqueue(
            "--range", "5..15", "--url", "http://u:p@127.0.0.1:\(origin.port)/{id}", "--name",
            "ids")
        #expect(secret.status == 0)
        write(Array("http://127.0.0.1/a\n".utf8), to: program.folder.file("urls.txt"))
        try await enqueue("urls.txt", "--priority", "-7", "-X", "HEAD").expectSuccess()
        try await program.runner("run", "-q", "--batch", "ids").expectSuccess()
        let result = try await program.runner("batches", "--json")
        result.expectSuccess()
        let rows = try result.out.split(separator: "\n").map {
            try #require(
                try JSONSerialization.jsonObject(with: Data($0.utf8)) as? [String: Any])
        }
        try #require(rows.count == 2)
        #expect(rows.map { $0["batch"] as? Int } == [1, 2])
        #expect(rows.map { $0["name"] as? String } == ["ids", nil])
        #expect(rows.map { $0["source"] as? String } == ["5..<15", "list"])
        #expect(rows.map { $0["method"] as? String } == ["GET", "HEAD"])
        #expect(rows.map { $0["priority"] as? Int } == [0, -7])
        #expect(rows[0]["url"] as? String == "http://***@127.0.0.1:\(origin.port)/{id}")
        let jobs = rows.map { $0["jobs"] as? [String: Int] ?? [:] }
        #expect(jobs.map { $0["completed"] } == [10, 0] && jobs.map { $0["available"] } == [0, 1])
        let enqueued = try #require(rows[0]["enqueued_at"] as? String)
        #expect(enqueued.hasSuffix("Z") && enqueued.count == 20, "\(enqueued)")

        let text = try await program.runner("batches")
        text.expectSuccess()
        let lines = text.out.split(separator: "\n")
        #expect(lines.count == 3 && lines[0].hasPrefix(" batch priority       total   available"))
        #expect(lines[1].hasPrefix("     1        0          10           0"))
        #expect(lines[1].contains("  ids  5..<15  GET http://***@127.0.0.1:"))
        #expect(lines[2].contains("  -  list  HEAD "))
        await origin.stop()
    }

    @Test func batches_areListed_thousandsOfThem() async throws {
        try await ManyBatches.add(2500, to: program.folder.file("runner.db"))
        let result = try await program.runner("batches")
        result.expectSuccess()
        let ids = result.out.split(separator: "\n").dropFirst().map {
            Int($0.split(separator: " ")[0])
        }
        #expect(ids == Array(1...2500))
    }

    @Test func status_ofABatch_isItsAlone() async throws {
        let origin = try await Origin.start()
        try await enqueue("--range", "0..4", "--url", "\(origin.url)/{id}").expectSuccess()
        try await enqueue(
            "--range", "0..7", "--url", "\(origin.url)/status/404/{id}", "--name", "gone"
        ).expectSuccess()
        let run = try await program.runner("run", "-q", "--batch", "2", "--json")
        #expect(run.status == 1, "\(run.err)")
        #expect(try run.json["ending"] as? String == "finished")
        #expect(try run.json["finished"] as? Int == 7)
        #expect(try await program.jobs()["available"] == 4)
        let status = try await program.runner("status", "--batch", "gone")
        status.expectSuccess()
        #expect(status.out.hasPrefix("batch 2 (gone) of runner.db: 100 % done\n"))
        #expect(status.out.contains("  404                        7  failed\n"))
        let json = try await program.runner("status", "--batch", "1", "--json").json
        #expect(json["batch"] as? Int == 1 && json["name"] is NSNull)
        #expect((json["jobs"] as? [String: Int])?["total"] == 4)
        #expect((json["outcomes"] as? [Any])?.isEmpty == true)
        for name in ["3", "0", "none", "99999999999999999999"] {
            for command in ["status", "run"] {
                try await program.runner(command, "--batch", name)
                    .expectRefusal(2, "no batch '\(name)'", "runner batches")
            }
        }
        #expect(origin.summary().requests == 7)
        await origin.stop()
    }

    // MARK: - Priorities

    @Test func run_takesTheHighestPriorityFirst() async throws {
        let origin = try await Origin.start()
        let url = "\(origin.url)/{id}"
        for (first, priority) in [(0, "-5"), (100, "0"), (200, "1000")] {
            try await enqueue(
                "--range", "\(first)..\(first + 20)", "--url", url, "--priority", priority
            ).expectSuccess()
        }
        let run = try await program.runner(
            "run", "-q", "-w", "1", "-o", "out", "--format", "jsonl")
        run.expectSuccess()
        var order: [Int] = []
        for line in String(
            decoding: try program.files(in: "out").first {
                $0.key.hasSuffix(".jsonl")
            }?.value ?? [], as: UTF8.self
        ).split(separator: "\n") {
            let record = try JSONSerialization.jsonObject(with: Data(line.utf8))
            order.append(try #require((record as? [String: Any])?["id"] as? Int))
        }
        #expect(order == Array(200..<220) + Array(100..<120) + Array(0..<20))
        await origin.stop()
    }
}
