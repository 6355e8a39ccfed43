import Foundation
import TestSupport
import Testing

/// `runner cancel`: what is taken back, what is shown of it, and how a run ends.
@Suite struct CancelTests {
    private let program = Program()

    private func cancel(_ arguments: String...) async throws -> Program.Result {
        try await program.start("runner", ["cancel"] + arguments).wait()
    }

    @Test func cancel_takesABatchBack_andARunDoesTheOthers() async throws {
        let origin = try await TestOrigin()
        let url = "\(origin.url)/{id}"
        try await program.runner("enqueue", "--range", "0..2000", "--url", url, "--name", "ids")
            .expectSuccess()
        try await program.runner("enqueue", "--range", "5000..5003", "--url", url).expectSuccess()
        let result = try await cancel("ids")
        result.expectSuccess()
        #expect(result.out == "cancelled 2,000 jobs of batch 1 (ids) of runner.db\n")
        let again = try await cancel("1")
        again.expectSuccess()
        #expect(
            again.out
                == "batch 1 (ids) of runner.db was cancelled before; nothing was left to take back\n"
        )
        let run = try await program.runner("run", "-q", "-o", "out")
        run.expectSuccess()
        #expect(run.out.hasPrefix("finished: 3 jobs in "))
        #expect(run.out.contains("; 3 completed, 0 failed, 2,000 cancelled of 2,003\n"))
        #expect(try origin.hits().distinct == 3 && origin.hits().requests == 3)
        let alone = try await program.runner("run", "-q", "--json", "--batch", "ids")
        alone.expectSuccess()
        #expect(try alone.json["ending"] as? String == "finished")
        #expect(try alone.json["finished"] as? Int == 0)
        try await program.expectVerified()
    }

    @Test func cancelledJobs_areShown() async throws {
        for name in ["ids", "others"] {
            try await program.runner("enqueue", "--range", "0..6", "--name", name).expectSuccess()
        }
        let json = try await cancel("ids", "--json").json
        #expect(json["batch"] as? Int == 1 && json["name"] as? String == "ids")
        #expect(json["cancelled"] as? Int == 6 && json["running"] as? Int == 0)
        #expect(json["new"] as? Bool == true && json.count == 5)
        #expect(try await cancel("ids", "--json").json["new"] as? Bool == false)

        let jobs = try await program.jobs()
        #expect(jobs["total"] == 12 && jobs["cancelled"] == 6 && jobs["available"] == 6)
        let status = try await program.runner("status")
        status.expectSuccess()
        #expect(
            status.out == """
                runner.db: 0.0 % done
                  total                     12
                  available                  6
                  running                    0
                  retrying                   0
                  completed                  0
                  failed                     0
                  cancelled                  6
                no run is going on

                """)
        let one = try await program.runner("status", "--batch", "ids", "--json").json
        #expect((one["jobs"] as? [String: Int])?["cancelled"] == 6)
        #expect((one["outcomes"] as? [Any])?.isEmpty == true)
        #expect(
            try await program.runner("status", "--batch", "ids").out
                .hasPrefix("batch 1 (ids) of runner.db: 100 % done\n"))

        let rows = try await program.runner("batches", "--json").out.split(separator: "\n").map {
            try JSONSerialization.jsonObject(with: Data($0.utf8)) as? [String: Any] ?? [:]
        }
        #expect((rows[0]["cancelled_at"] as? String)?.hasSuffix("Z") == true)
        #expect(rows[1]["cancelled_at"] is NSNull)
        let table = try await program.runner("batches").out.split(separator: "\n")
        #expect(table[0].contains("      failed   cancelled  "))
        #expect(table[1].contains("           0           6  "))

        let export = try await program.runner("export", "--state", "cancelled", "--range", "5..6")
        #expect(
            export.out
                == "id,batch,url,state,outcome,key\n5,1,http://localhost:8080/5,cancelled,,\n"
        )
        let lines = try await program.runner(
            "export", "--state", "cancelled", "--format", "jsonl", "--range", "5..6")
        #expect(lines.out.contains(#""state":"cancelled","outcome":null}"#))
        let known = try await program.runner(
            "enqueue", "--range", "0..6", "--if-absent", "ids")
        known.expectSuccess()
        #expect(
            known.out.hasPrefix(
                "queued nothing: batch 1 in runner.db, of 6 jobs, has the name, and was cancelled"))
        try await program.expectVerified()
    }

    @Test func cancel_isRefused_whereThereIsNothing() async throws {
        try await cancel("1").expectRefusal(3, "there is no queue")
        try await program.runner("enqueue", "--range", "0..6").expectSuccess()
        try await cancel("2").expectRefusal(2, "no batch '2'", "runner batches")
        try await cancel("ids").expectRefusal(2, "no batch 'ids'", "runner batches")
        try await cancel().expectRefusal(2, "<batch>")
        #expect(try await program.jobs()["available"] == 6)
    }

    /// A run goes on with what it holds; what it gives back is cancelled, and it has done all then.
    @Test func cancel_besideARun_leavesItWhatItHolds() async throws {
        let origin = try await TestOrigin()
        try await program.enqueue(200_000, origin, "delay/300/{id}")
        let run = try program.start("runner", ["run", "-q", "-w", "50", "-o", "out"])
        try await run.wait { try origin.hits().requests >= 100 }
        let json = try await cancel("1", "--json").json
        let (cancelled, running) = (
            try #require(json["cancelled"] as? Int), try #require(json["running"] as? Int)
        )
        #expect(running > 0 && cancelled > 0 && cancelled + running <= 200_000)
        try await program.expectSoundQueue()
        run.kill(SIGINT)
        let result = await run.wait()
        #expect(result.status == 0, "\(result.out)\(result.err)")
        #expect(result.out.hasPrefix("finished: "), "\(result.out)")
        let jobs = try await program.jobs()
        let fetched = try origin.hits().distinct
        #expect(jobs["completed"] == fetched && jobs["cancelled"] == 200_000 - fetched)
        #expect(try origin.hits().repeated == 0)
        try await program.expectVerified()
    }

    /// A run that waits for nothing but retries ends when they are cancelled.
    @Test func cancel_ofRetries_endsTheRunThatWaitsForThem() async throws {
        let origin = try await TestOrigin()
        try await program.enqueue(3, origin, "status/503/{id}")
        let run = try program.start("runner", ["run", "-q", "--retries", "254", "--json"])
        try await run.wait { try await program.jobs()["retrying"] == 3 }
        let result = try await cancel("1")
        result.expectSuccess()
        let ended = await run.wait()
        #expect(ended.status == 0, "\(ended.out)\(ended.err)")
        #expect(try ended.json["ending"] as? String == "finished")
        #expect(try await program.jobs()["cancelled"] == 3)
        try await program.expectVerified()
    }

    /// A record is there before its job is marked as completed: a cancelled job has none.
    @Test func verify_findsARecordOfACancelledJob() async throws {
        let origin = try await TestOrigin()
        try await program.enqueue(3, origin, "{id}")
        try await program.runner("run", "-q", "-o", "out").expectSuccess()
        let code = "outcome = (SELECT code FROM outcome WHERE state = 'cancelled')"
        try await program.sqlite(
            "runner.db", "UPDATE span SET \(code)", "UPDATE tally SET \(code)",
            "UPDATE total SET \(code) WHERE outcome > 0")
        #expect(try await program.jobs()["cancelled"] == 3)
        try await program.expectSoundQueue()
        let result = try await program.runner("verify")
        #expect(result.status == 3)
        #expect(result.out.contains("records of jobs that are not completed"), "\(result.out)")
    }

    @Test func jobsThatHaveFailed_stillMakeTheExitCode1() async throws {
        let origin = try await TestOrigin()
        try await program.enqueue(4, origin, "status/404/{id}")
        #expect(try await program.runner("run", "-q").status == 1)
        try await program.enqueue(4, origin, "{id}")
        let result = try await cancel("2")
        #expect(result.out == "cancelled 4 jobs of batch 2 of runner.db\n")
        let none = try await cancel("1")
        #expect(
            none.out == "cancelled batch 1 of runner.db; none of its jobs was left to take back\n")
        #expect(try await program.runner("run", "-q").status == 1)
        #expect(try await program.runner("run", "-q", "--batch", "2").status == 0)
        try await program.expectVerified()
    }
}
