import Foundation
import TestPostgres
import TestSupport
import Testing

/// Crawls of what has changed that meet odd servers, nights on which all fails, and queues that keep
/// no validators.
@Suite(.serialized) struct RecrawlFaultTests {
    private let program = Program()
    private static let keep = ["run", "-q", "--keep-validators"]

    private func runner(_ arguments: String...) async throws -> Program.Result {
        try await program.start("runner", arguments).wait()
    }

    private func keepValidators(_ more: String...) async throws -> Program.Result {
        try await program.start("runner", Self.keep + more).wait()
    }

    private func enqueue(_ kind: String, _ origin: String, name: String = "one") async throws {
        try await runner(
            "enqueue", "--range", "0..10", "--url", "\(origin)/versioned/\(kind)/{id}", "--name",
            name
        ).expectSuccess()
    }

    private func enqueueChanged(_ old: String, _ new: String) async throws -> Program.Result {
        try await runner("enqueue", "--from-batch", old, "--changed", "--if-absent", new)
    }

    /// Checks that all of a batch is queued again, and that a note says so.
    private func expectNoted(
        _ result: Program.Result, _ words: String, sourceLocation: SourceLocation = #_sourceLocation
    ) {
        #expect(
            result.status == 0 && result.err.hasPrefix("note: ") && result.err.contains(words),
            "\(result.out)\(result.err)", sourceLocation: sourceLocation)
    }

    private func outcomes(of batch: String) async throws -> Set<String> {
        Set(
            try await program.status(batch: batch).outcomes.map {
                "\($0.outcome) \($0.state) \($0.count)"
            })
    }

    @Test(arguments: ["coded", "sized"])
    func byHTTP2_whatHasNotChangedIsTold(_ kind: String) async throws {
        let origin = try await TestOrigin()
        let front = try await program.startHTTP2Front(of: origin.port)
        defer { front.process.kill(SIGKILL) }
        try await enqueue(kind, front.url)
        try await keepValidators("--cacert", "cert.pem").expectSuccess()
        try await enqueueChanged("one", "two").expectSuccess()
        try await keepValidators("--cacert", "cert.pem").expectSuccess()
        #expect(try await outcomes(of: "two") == ["unchanged completed 10"])
        #expect(try origin.conditions() == .init(asked: 10, unchanged: 10))
        _ = front.connections()
    }

    /// A crawl that takes whole bodies is not to be told that those which were cut have not changed.
    @Test func bodiesThatAreCut_haveNoValidators() async throws {
        let origin = try await TestOrigin()
        try await enqueue("tag", origin.url)
        try await keepValidators("--on-large", "cut", "--max-body", "3", "-o", "out")
            .expectSuccess()
        expectNoted(
            try await enqueueChanged("one", "two"), "no job of batch 1 (one) has validators")
        try await keepValidators().expectSuccess()
        #expect(try await outcomes(of: "two") == ["200 completed 10"])
        #expect(try origin.conditions().asked == 0)
    }

    /// The chain of nights goes on behind one that has nothing to ask by.
    @Test func aNightThatFailsAsAWhole_isFollowedByOneThatFetchesAll() async throws {
        let origin = try await TestOrigin()
        try await enqueue("away", origin.url, name: "night-1")
        try await keepValidators().expectSuccess()
        _ = try #require(httpGet(port: origin.port, "/_/revise"))
        try await enqueueChanged("night-1", "night-2").expectSuccess()
        #expect(try await keepValidators().status == 1)
        #expect(try await outcomes(of: "night-2") == ["404 failed 10"])
        _ = try #require(httpGet(port: origin.port, "/_/revise"))
        expectNoted(
            try await enqueueChanged("night-2", "night-3"),
            "no job of batch 2 (night-2) has validators, so that all are fetched whole")
        try await enqueueChanged("night-2", "night-3").expectSuccess()
        // Those of the second night have failed, and so has the run.
        #expect(try await keepValidators().status == 1)
        #expect(try await outcomes(of: "night-3") == ["200 completed 10"])
        try await enqueueChanged("night-3", "night-4").expectSuccess()
        #expect(try await keepValidators().status == 1)
        #expect(try await outcomes(of: "night-4") == ["unchanged completed 10"])
    }

    @Test func splitAndMerge_loseValidators_andItIsSaid() async throws {
        let origin = try await TestOrigin()
        try await enqueue("tag", origin.url)
        try await keepValidators().expectSuccess()
        try await runner("split", "--into", "2", "--dir", "s").expectSuccess()
        try await runner("merge", "--queue", "all.db", "s/0/runner.db", "s/1/runner.db")
            .expectSuccess()
        expectNoted(
            try await runner("enqueue", "--queue", "all.db", "--from-batch", "one", "--changed"),
            "or the queue was split and merged since")
    }

    /// Dates that nobody can write, heads of neither, positions that do not rise.
    @Test(arguments: [
        "bytes = x'000001FFFFFFFFFFFFFFFFFF01'", "bytes = x'000002'", "bytes = x'0000'",
    ])
    func damagedValidators_areNamed_andStopTheRun(_ change: String) async throws {
        let origin = try await TestOrigin()
        try await enqueue("tag", origin.url)
        try await keepValidators().expectSuccess()
        try await enqueueChanged("one", "two").expectSuccess()
        try await program.start(
            "/usr/bin/sqlite3", ["runner.db", "UPDATE validator SET \(change)"]
        ).wait().expectSuccess()
        try await keepValidators().expectRefusal(3, "runner.db is damaged", "restore a copy")
        let verified = try await runner("verify")
        #expect(verified.status != 0 && verified.out.contains("do not read"), "\(verified)")
        #expect(try origin.conditions().asked == 0)
    }

    @Test func validatorsWithoutBodies_areNoted() async throws {
        let origin = try await TestOrigin()
        let words = "validators are kept, and bodies are not"
        for (queue, arguments, isNoted) in [
            ("a", ["--keep-validators"], true), ("b", [], false),
            ("c", ["--keep-validators", "-o", "c-out", "--no-body"], true),
            // As before.
            ("c", ["--keep-validators", "-o", "c-out"], true),
            ("d", ["--keep-validators", "-o", "d-out"], false),
            ("e", ["--keep-validators", "--handler", "exit 1"], false),
        ] {
            try await runner(
                "enqueue", "--queue", queue, "--range", "0..3", "--url",
                "\(origin.url)/versioned/tag/{id}", "--if-absent", "one"
            ).expectSuccess()
            let run = try await program.start(
                "runner", ["run", "--queue", queue, "--retries", "0"] + arguments
            ).wait()
            #expect(run.err.contains(words) == isNoted, "\(arguments): \(run.err)")
        }
    }

    /// Counted are those of jobs that are completed: they are what the next crawl lacks.
    @Test func tagsThatAreLeftOut_areCountedWithTheirJobs() async throws {
        let origin = try await TestOrigin()
        try await enqueue("bare", origin.url)
        let run = try await keepValidators("--json", "--fail-on", "200", "--retries", "0")
        #expect(run.status == 1, "\(run.out)\(run.err)")
        let requests = try #require(try run.json["requests"] as? [String: Any])
        #expect(requests["made"] as? Int == 10 && requests["etags_left_out"] == nil)
    }

    @Test func postgreSQL_refusesBoth() async throws {
        var program = program
        program.environment["RUNNER_QUEUE"] = try PostgresServer.shared.makeDatabase().url
        let origin = try await TestOrigin()
        try await program.runner(
            "enqueue", "--range", "0..3", "--url", "\(origin.url)/versioned/tag/{id}"
        ).expectSuccess()
        let words = ["PostgreSQL does not keep validators", "a file"]
        try await program.runner("run", "-q", "--keep-validators").expectRefusal(2, words)
        try await program.runner("run", "-q").expectSuccess()
        try await program.runner("enqueue", "--from-batch", "1", "--changed")
            .expectRefusal(2, words)
        #expect(try await program.status().jobs.total == 3)
    }
}
