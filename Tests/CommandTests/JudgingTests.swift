import Foundation
import TestSupport
import Testing

/// `--complete-on`, `--retry-on` and `--fail-on`, and that the queue keeps them.
@Suite(.serialized) struct JudgingTests {
    private let program = Program()

    private func run(_ arguments: String...) async throws -> Program.Result {
        try await program.start("runner", ["run", "--retry-delay", "0.001"] + arguments).wait()
    }

    // MARK: - Statuses

    @Test(arguments: OutputFormat.allCases)
    func completeOn_makesAnAnswerOf404_aRecordLikeAnyOther(format: OutputFormat) async throws {
        let origin = try await TestOrigin()
        try await program.enqueue(30, origin, "status/404/{id}")
        let result = try await run(
            "--output", "out", "--format", format.rawValue, "--complete-on", "404")
        #expect(result.status == 0, "\(result.err)")
        try await program.expectPerfect(
            format, jobs: 30, more: ["--body", "any", "--status", "404"])
        let status = try await program.status()
        #expect(status.outcomes.map(\.state) == ["completed"])
        #expect(try origin.hits().requests == 30)
    }

    @Test func retryOnAndFailOn_changeWhatAStatusMeans() async throws {
        let origin = try await TestOrigin()
        try await program.enqueue(5, origin, "flaky/3/403/{id}")
        try await program.enqueue(5, origin, "status/503/1{id}")
        let result = try await run("--retry-on", "403", "--fail-on", "503")
        #expect(result.status == 1, "\(result.err)")
        let outcomes = try await program.status().outcomes
        #expect(
            Set(outcomes.map { "\($0.outcome) \($0.state) \($0.count)" })
                == ["200 completed 5", "503 failed 5"])
        #expect(try origin.hits().requests == 5 * 3 + 5)
    }

    @Test(arguments: [
        ["--retry-on", "40", "'40' is nothing that can be listed", "404, 4xx"],
        ["--complete-on", "404,timeout", "'timeout' completes no job", "give statuses"],
        ["--retry-on", "body~(", "'body~(' is no regular expression", "grep -E"],
        ["--fail-on", "404,,410", "--fail-on '404,,410'"],
        ["--max-retry-after", "2h", "--max-retry-after", "1h at most"],
        ["--retries", "255", "--retries is 255", "0 to 254"],
    ])
    func whatIsNoRule_isRefused(words: [String]) async throws {
        let result = try await program.runner("run", words[0], words[1])
        result.expectRefusal(2, Array(words[2...]))
    }

    @Test func twoLists_withTheSameItem_areRefused_alsoWhereOneWasKept() async throws {
        let origin = try await TestOrigin()
        try await program.enqueue(1, origin)
        try await program.runner("run", "--fail-on", "404", "--complete-on", "404")
            .expectRefusal(2, "'404' stands in two lists", "leave it in one")
        try await program.runner("run", "-q", "--complete-on", "404").expectSuccess()
        try await program.runner("run", "--fail-on", "404")
            .expectRefusal(2, "--complete-on 404 --fail-on 404", "stands in two lists")
        try await program.runner("run", "-q", "--complete-on", "", "--fail-on", "404")
            .expectSuccess()
    }

    // MARK: - Conditions on answers

    /// 200 that means no: in JSON Lines, in WARC, where bodies stay compressed, and without output.
    @Test(arguments: ["jsonl", "warc", "files", "none"])
    func retryOn_body_looksAtTheAnswer(format: String) async throws {
        let origin = try await TestOrigin()
        try await program.enqueue(3, origin, "bytes/quota%20used%20up/{id}")
        try await program.enqueue(3, origin, "bytes/well/1{id}")
        let output = format == "none" ? [] : ["--output", "out", "--format", format]
        let result = try await program.start(
            "runner",
            [
                "run", "--retry-delay", "0.001", "--retries", "2", "--retry-on",
                "body~^quota, no|used",
            ]
                + output
        ).wait()
        #expect(result.status == 1, "\(result.err)")
        let outcomes = try await program.status().outcomes
        #expect(
            Set(outcomes.map { "\($0.outcome) \($0.state) \($0.count)" })
                == ["200 completed 3", "200 failed 3"])
        #expect(try origin.hits().requests == 3 * 3 + 3)
        try await program.expectVerified()
    }

    /// The origin sends zeros, gzipped: two hundred in a row are in the body alone, and the byte 1F
    /// is in what came alone.
    @Test(arguments: ["jsonl", "warc"])
    func body_isSearched_asDecoded(format: String) async throws {
        let origin = try await TestOrigin()
        try await program.enqueue(3, origin, "gzip/20000/{id}")
        let output = ["--output", "out", "--format", format]
        let found = try await program.start(
            "runner", ["run", "--fail-on", "body~[^x]{200}"] + output
        ).wait()
        #expect(found.status == 1, "\(found.err)")
        #expect(try await program.status().jobs.failed == 3)
        try await program.enqueue(3, origin, "gzip/20000/1{id}")
        _ = try await program.runner("run", "--fail-on", "body~\u{1F}")
        #expect(try await program.status().jobs.completed == 3)
        try await program.expectVerified()
    }

    @Test func failOn_type_failsAPageOfHTML_andRetriesWhatIsTriedAnyway() async throws {
        let origin = try await TestOrigin()
        try await program.enqueue(2, origin, "bytes/well/{id}")
        try await program.enqueue(2, origin, "flaky/2/503/1{id}")
        let result = try await run("--fail-on", "type!=text/plain")
        #expect(result.status == 0, "\(result.err)")
        try await program.enqueue(2, origin, "bytes/well/2{id}")
        let second = try await run("--fail-on", "type!=application/json")
        #expect(second.status == 1, "\(second.err)")
        let counts = try await program.status().jobs
        #expect(counts.completed == 4 && counts.failed == 2)
    }

    // MARK: - Kept in the queue

    @Test func choices_areKept_overAKill() async throws {
        let origin = try await TestOrigin()
        try await program.enqueue(4000, origin, "status/404/{id}")
        let running = try program.start(
            "runner",
            ["run", "--output", "out", "--workers", "2", "--complete-on", "404", "--retries", "7"])
        try await running.wait { try origin.hits().requests >= 200 }
        running.kill(SIGKILL)
        _ = await running.wait()
        let counts = try await program.status().jobs
        #expect(counts.failed == 0 && counts.completed < 4000)

        let result = try await program.runner("run")
        #expect(result.status == 0, "\(result.err)")
        #expect(
            result.err.contains("info judging as before: --complete-on 404 --retries 7\n"),
            "\(result.err)")
        try await program.expectPerfect(
            .jsonl, jobs: 4000, more: ["--body", "any", "--status", "404"])
    }

    @Test func anOption_replacesItsKeptValue_andAnEmptyOneGoesBack() async throws {
        let origin = try await TestOrigin()
        func note(_ id: Int, _ arguments: String...) async throws -> String? {
            try await program.enqueue(1, origin, "status/404/\(id){id}")
            let result = try await program.start("runner", ["run"] + arguments).wait()
            return result.err.split(separator: "\n").first { $0.contains("judging") }.map {
                // Behind the time.
                String($0.drop { $0 != " " }.dropFirst())
            }
        }
        #expect(try await note(1, "--complete-on", "404,410", "--complete-on", "451") == nil)
        #expect(
            try await note(2, "--retry-max-time", "2h")
                == "info judging as before: --complete-on 404,410 --complete-on 451")
        #expect(
            try await note(3, "--complete-on", "4xx")
                == "info judging as before: --retry-max-time 7200")
        #expect(
            try await note(4)
                == "info judging as before: --complete-on 4xx --retry-max-time 7200")
        #expect(try await program.status().jobs.failed == 0)
        #expect(
            try await note(5, "--complete-on", "")
                == "info judging as before: --retry-max-time 7200")
        #expect(try await program.status().jobs.failed == 1)
        let quiet = try await program.runner("run", "-q")
        #expect(quiet.err.isEmpty)
    }

    @Test func choicesOfARunThatWasRefused_areNotKept() async throws {
        let origin = try await TestOrigin()
        try await program.enqueue(1, origin, "delay/60000/{id}")
        let running = try program.start("runner", ["run"])
        try await running.wait { try origin.hits().requests == 1 }
        let second = try await program.runner("run", "--complete-on", "404")
        #expect(second.status == 4)
        running.kill(SIGKILL)
        _ = await running.wait()
        try await program.enqueue(1, origin, "status/404/1{id}")
        try await program.runner("cancel", "1").expectSuccess()
        let result = try await program.runner("run")
        #expect(result.status == 1 && !result.err.contains("judging"), "\(result.err)")
    }

    // MARK: - Times

    /// A refusal (503) that asks to wait is no attempt, and none is begun after that time either.
    @Test(arguments: [500, 503])
    func retryMaxTime_endsTheTries(status: Int) async throws {
        let origin = try await TestOrigin()
        try await program.enqueue(2, origin, "retry-after/1/9/\(status)/{id}")
        let start = ContinuousClock.now
        let result = try await run("--retries", "20", "--retry-max-time", "2.5")
        #expect(result.status == 1, "\(result.err)")
        let took = ContinuousClock.now - start
        #expect(took >= .seconds(2) && took < .seconds(9), "\(took)")
        let requests = try origin.hits().requests
        #expect((4...6).contains(requests), "\(requests)")
    }

    @Test func maxRetryAfter_boundsTheWait_andFractionsCount() async throws {
        let origin = try await TestOrigin()
        try await program.enqueue(2, origin, "retry-after/3600/2/503/{id}")
        try await program.enqueue(2, origin, "retry-after/0.7/2/503/1{id}")
        let start = ContinuousClock.now
        let result = try await run("--max-retry-after", "1.2")
        #expect(result.status == 0, "\(result.err)")
        #expect(ContinuousClock.now - start >= .seconds(1.2))
    }
}
