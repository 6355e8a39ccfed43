import Foundation
import JobStore
import StoreConformance
import Stores
import TestServer
import TestSupport
import Testing

/// `runner export`: each job's row, which rows, and what becomes of those that nobody takes.
@Suite(.serialized) struct ExportTests {
    private let program = Program()

    private static let ok = Outcome(.completed, status: 200)

    private func store() throws -> StoreClient {
        let path = program.folder.file("runner.db")
        return StoreClient(to: try openQueue(at: path, makesMissing: true))
    }

    /// Batch 1 has IDs 10 to 19: 10 to 12 answered 200, 13 and 14 404, 15 a timeout, 16 waits for a
    /// retry after 503, 17 is being retried, 18 and 19 are with the runner. Of batch 2, IDs 0 to 4,
    /// nobody has begun.
    private func fill(_ queue: StoreClient, url: String = "http://h/{id}") async throws {
        let request = try RequestTemplate(parsing: url)
        _ = try await queue.enqueue(JobRange(first: 10, count: 10), request: request)
        _ = try await queue.attach(RunnerDescription(pid: 1, workers: 1))
        _ = try await queue.claim(jobs: 1)
        let unavailable = Outcome(.retrying, status: 503)
        let outcomes =
            Array(repeating: Self.ok, count: 3)
            + Array(repeating: Outcome(.failed, status: 404), count: 2)
            + [Outcome(.failed, .timeout), unavailable, unavailable]
        let marks = outcomes.enumerated().map { position, outcome in
            Mark(
                batchID: 1, position: position, attempt: 1, outcome: outcome,
                wait: .seconds(position == 6 ? 3600 : 0))
        }
        try await queue.commit(marks, heartbeat: Heartbeat(requestsPerSecond: 1))
        _ = try await queue.claimRetries(dueAt: 1, limit: 1)
        _ = try await queue.enqueue(JobRange(first: 0, count: 5), request: request)
    }

    private static let rows = [
        "10,1,http://h/10,completed,200", "11,1,http://h/11,completed,200",
        "12,1,http://h/12,completed,200", "13,1,http://h/13,failed,404",
        "14,1,http://h/14,failed,404", "15,1,http://h/15,failed,timeout",
        "16,1,http://h/16,retrying,503", "17,1,http://h/17,running,503",
        "18,1,http://h/18,running,", "19,1,http://h/19,running,",
        "0,2,http://h/0,available,", "1,2,http://h/1,available,", "2,2,http://h/2,available,",
        "3,2,http://h/3,available,", "4,2,http://h/4,available,",
    ]
    private static let header = "id,batch,url,state,outcome,key\n"

    private func expectRows(
        _ arguments: [String], _ rows: [String], sourceLocation: SourceLocation = #_sourceLocation
    ) async throws {
        let result = try await program.start("runner", ["export"] + arguments).wait()
        result.expectSuccess(sourceLocation: sourceLocation)
        let expected = Self.header + rows.map { $0 + ",\n" }.joined()
        #expect(result.out == expected, sourceLocation: sourceLocation)
    }

    // MARK: - Rows

    @Test func export_writesARowForEachJob() async throws {
        let queue = try store()
        try await fill(queue)
        try await expectRows([], Self.rows)
        try await expectRows(["--format", "csv"], Self.rows)
        await queue.close()  // without detaching: as a killed process leaves it
        let left = Self.rows.map {
            $0.replacing("running,503", with: "retrying,503")
                .replacing("running,", with: "available,")
        }
        try await expectRows([], left)
    }

    @Test func export_writesJSONLines() async throws {
        let queue = try store()
        try await fill(queue)
        let result = try await program.runner("export", "--format", "jsonl")
        await queue.close()
        result.expectSuccess()
        let lines = result.out.split(separator: "\n", omittingEmptySubsequences: false)
        #expect(
            lines.first == """
                {"id":10,"batch":1,"url":"http://h/10","state":"completed","outcome":"200"}
                """)
        #expect(
            lines.dropLast().last == """
                {"id":4,"batch":2,"url":"http://h/4","state":"available","outcome":null}
                """)
        #expect(lines.last == "")
        let rows = try lines.dropLast().map { line in
            let row = try #require(
                try JSONSerialization.jsonObject(with: Data(line.utf8)) as? [String: Any])
            let outcome = row["outcome"] as? String ?? ""
            return "\(row["id"]!),\(row["batch"]!),\(row["url"]!),\(row["state"]!),\(outcome)"
        }
        #expect(rows == Self.rows)
    }

    @Test func export_quotesWhatNeedsIt() async throws {
        let url = "http://h/\"\u{301}a\",\\/é/{id}/{}?q={id},"
        try await program.runner("enqueue", "--range", "9..11", "--url", url).expectSuccess()
        try await expectRows(
            [],
            [
                #"9,1,"http://h/""\#u{301}a"",\/é/9/9?q=9,",available,"#,
                #"10,1,"http://h/""\#u{301}a"",\/é/10/10?q=10,",available,"#,
            ])
        let result = try await program.runner("export", "--format", "jsonl", "--range", "10..11")
        result.expectSuccess()
        #expect(try result.json["url"] as? String == "http://h/\"\u{301}a\",\\/é/10/10?q=10,")
        #expect(try result.json["outcome"] is NSNull)
    }

    /// Rows are made from one another: digits must carry, and IDs grow longer.
    @Test func export_countsRight_overManyRows() async throws {
        try await program.runner("enqueue", "--range", "0..120000", "--url", "http://h/{id}")
            .expectSuccess()
        let largest = "\(Int.max - 3)..\(Int.max)"
        try await program.runner("enqueue", "--range", largest, "--url", "http://h/{id}")
            .expectSuccess()
        let ids = Array(0..<120_000) + Array(Int.max - 3..<Int.max)
        let rows = ids.map { "\($0),\($0 < 120_000 ? 1 : 2),http://h/\($0),available," }
        let result = try await program.runner("export")
        result.expectSuccess()
        #expect(
            result.out.split(separator: "\n").dropFirst().elementsEqual(rows) { $0 == $1 + "," })
    }

    @Test func export_ofAQueueWithoutJobs_isAHeader() async throws {
        await (try store()).close()
        try await expectRows([], [])
        let result = try await program.runner("export", "--format", "jsonl")
        result.expectSuccess()
        #expect(result.out.isEmpty)
    }

    @Test func export_leavesTheQueueAsItIs() async throws {
        try await program.runner("enqueue", "--range", "0..7").expectSuccess()
        let before = try program.files()
        try await program.runner("export").expectSuccess()
        let after = try program.files()
        #expect(after["runner.db"] == before["runner.db"])
        #expect(after["runner.db-wal"] ?? [] == [])
    }

    // MARK: - Filters

    @Test(arguments: [
        (["--state", "available"], 10..<15), (["--state", "running"], 7..<10),
        (["--state", "retrying"], 6..<7), (["--state", "completed"], 0..<3),
        (["--state", "failed"], 3..<6), (["--state", "failed", "--state", "retrying"], 3..<7),
        (["--outcome", "200"], 0..<3), (["--outcome", "404"], 3..<5),
        (["--outcome", "timeout"], 5..<6), (["--outcome", "503"], 6..<8),
        (["--outcome", "404", "--outcome", "timeout"], 3..<6), (["--outcome", "dns"], 0..<0),
        (["--range", "12..15"], 2..<5), (["--range", "12...15"], 2..<6),
        (["--range", "0..<2"], 10..<12), (["--range", "19..1_000"], 9..<10),
        (["--range", "4...10"], 0..<0), (["--range", "20..30"], 0..<0),
        (["--outcome", "503", "--state", "running"], 7..<8),
        (["--state", "failed", "--range", "0..15"], 3..<5),
        (["--state", "completed", "--outcome", "404"], 0..<0),
    ])
    func export_writesOnlyWhatIsAskedFor(_ arguments: [String], rows: Range<Int>) async throws {
        let queue = try store()
        try await fill(queue)
        // The one range that has IDs of both batches.
        let expected = arguments == ["--range", "4...10"] ? [0, 14] : Array(rows)
        try await expectRows(arguments, expected.map { Self.rows[$0] })
        await queue.close()
    }

    /// To walk there would take years.
    @Test func export_reachesARangeAtOnce_inAHugeBatch() async throws {
        try await program.runner(
            "enqueue", "--range", "0..1_000_000_000_000_000", "--url", "http://h/{id}"
        ).expectSuccess()
        let result = try await program.start(
            "runner", ["export", "--range", "999_999_999_999_998..1_000_000_000_000_010"]
        ).wait(seconds: 10)
        result.expectSuccess()
        #expect(
            result.out == Self.header + """
                999999999999998,1,http://h/999999999999998,available,,
                999999999999999,1,http://h/999999999999999,available,,

                """)
        let none = try await program.start("runner", ["export", "--state", "failed"])
            .wait(seconds: 10)
        none.expectSuccess()
        #expect(none.out == Self.header)
    }

    /// Pages before and behind the range are passed over; what is in it must not be.
    @Test func export_findsARange_amongJobsThatDiffer() async throws {
        let queue = try store()
        let request = try RequestTemplate(parsing: "http://h/{id}")
        for first in [0, 15_000, 100_000] {
            _ = try await queue.enqueue(JobRange(first: first, count: 30_000), request: request)
        }
        _ = try await queue.attach(RunnerDescription(pid: 1, workers: 1))
        while let segment = try await queue.claim(jobs: 1).first {
            let marks = segment.todo.flatMap { $0 }.map {
                Mark(
                    batchID: segment.batch.id, position: $0, attempt: 1,
                    outcome: $0 % 2 == 0 ? Self.ok : Outcome(.failed, status: 404))
            }
            try await queue.commit(marks, heartbeat: Heartbeat(requestsPerSecond: 1))
        }
        await queue.close()
        func rows(_ batch: Int, _ first: Int, _ ids: Range<Int>) -> [String] {
            ids.map {
                let outcome = ($0 - first) % 2 == 0 ? "completed,200" : "failed,404"
                return "\($0),\(batch),http://h/\($0),\(outcome)"
            }
        }
        try await expectRows(
            ["--range", "24000..32000"],
            rows(1, 0, 24_000..<30_000) + rows(2, 15_000, 24_000..<32_000))
        try await expectRows(["--range", "129999..200000"], rows(3, 100_000, 129_999..<130_000))
        try await expectRows(["--range", "0..1"], rows(1, 0, 0..<1))
    }

    @Test(arguments: [
        (["--state", "done"], "'done'", "- completed   - failed   - cancelled"),
        (["--state", "done"], "'done'", "- available   - running   - retrying"),
        (["--state", ""], "''", "- completed"),
        (["--state"], "--state", "--help"),
        (["--format", "xml"], "'xml'", "'csv' and 'jsonl'"),
        (["--outcome", "OK"], "'OK'", "404"),
        (["--outcome", "tls1"], "'tls1'", "dns, connect, tls, timeout, reset, too_large"),
        (["--outcome", "99"], "'99'", "HTTP status"),
        (["--outcome", "1000"], "'1000'", "HTTP status"),
        (["--outcome", "+20"], "'+20'", "HTTP status"),
        (["--outcome", ""], "''", "HTTP status"),
        (["--range", "5..2"], "reversed", "2..5"),
        (["--range", "all"], "'all'", "write it as 0..1000"),
        (["--range", "-5..2"], "-5..2", "IDs start at 0"),
        (["--json"], "--json", "--help"),
    ])
    func export_isRefused_whenAnOptionIsWrong(
        _ arguments: [String], names: String, cure: String
    ) async throws {
        try await program.start("runner", ["export"] + arguments).wait()
            .expectRefusal(2, names, cure)
        #expect(try program.files().isEmpty)
    }

    // MARK: - During a run

    @Test func export_showsHowARunGoes() async throws {
        let origin = try await Origin.start()
        try await program.runner(
            "enqueue", "--range", "0..100000", "--url", "\(origin.url)/delay/20/{id}"
        ).expectSuccess()
        let run = try program.start("runner", ["run", "-q", "-w", "3"])
        try await run.wait { try await program.jobs()["completed"] ?? 0 > 0 }

        let live = try await program.runner("export")
        live.expectSuccess()
        let rows = live.out.split(separator: "\n").dropFirst().map { $0.split(separator: ",") }
        #expect(rows.count == 100_000)
        #expect(rows.enumerated().allSatisfy { $0.element[0] == String($0.offset) })
        var states = Set(rows.map { $0[3] })
        #expect(states == ["completed", "running", "available"])

        run.kill(SIGKILL)
        await run.wait()
        let after = try await program.runner("export")
        after.expectSuccess()
        states = Set(
            after.out.split(separator: "\n").dropFirst().map { $0.split(separator: ",")[3] })
        #expect(states == ["completed", "available"])
        let completed = try await program.runner("export", "--state", "completed")
        #expect(
            completed.out.split(separator: "\n").count - 1
                == (try await program.jobs()["completed"]))
        await origin.stop()
    }

    // MARK: - Output that nobody takes

    /// Runs a shell's pipeline with the program as `$0`.
    private func pipeline(_ script: String) async throws -> Program.Result {
        let shell = ["-c", script, Program.products + "/runner"]
        return try await program.start("/bin/bash", shell).wait(seconds: 30)
    }

    @Test func export_endsQuietly_whenItsReaderHasEnough() async throws {
        try await program.runner(
            "enqueue", "--range", "0..1_000_000_000_000_000", "--url", "http://h/{id}"
        ).expectSuccess()
        let result = try await pipeline("\"$0\" export | head -n 2; exit ${PIPESTATUS[0]}")
        #expect(result.signal == nil && result.status == 3)
        #expect(result.out == Self.header + "0,1,http://h/0,available,,\n")
        #expect(result.err.isEmpty)
    }
}
