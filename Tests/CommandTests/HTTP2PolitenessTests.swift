import Foundation
import TestSupport
import Testing

/// The rules of politeness over HTTP/2 and TLS: a stream counts as a connection's request does.
@Suite(.serialized, .timeLimit(.minutes(5))) struct HTTP2PolitenessTests {
    private let program = Program()

    private func enqueue(_ count: Int, _ front: Program.HTTP2Front) async throws {
        try await program.runner(
            "enqueue", "--range", "0..\(count)", "--url", "\(front.url)/{id}"
        ).expectSuccess()
    }

    private func run(_ arguments: [String]) async throws -> Program.Result {
        try await program.start("runner", ["run", "-q", "--cacert", "cert.pem"] + arguments).wait()
    }

    // MARK: - Refusals

    @Test(arguments: [["429", "1"], ["503"]])
    func aHostThatAllowsARate_isAskedAtThatRate(answer: [String]) async throws {
        let origin = try await BusyOrigin(["bucket", "50", "50"] + answer)
        let front = try await program.startHTTP2Front(of: origin.port)
        defer { front.process.kill(SIGKILL) }
        try await enqueue(400, front)
        let begin = ContinuousClock.now
        let run = try await run(["-w", "200"])
        #expect(run.status == 0, "\(run.out)\(run.err)")
        let report = try origin.report()
        #expect(report.ok == 400 && report.twice == 0 && report.early == 0, "\(report)")
        // As by HTTP/1.1, though one read ends up to a hundred streams.
        #expect(report.refused <= 3 * 200 / 2 + 400 / 20, "\(report)")
        let time = ContinuousClock.now - begin
        #expect(time < .seconds(1.15 * 400 / 50 + 6), "\(report) in \(time)")
        #expect(front.connections().count < 20)
    }

    @Test func aHostThatIsBrokenForAWhile_failsNoJob() async throws {
        let origin = try await BusyOrigin(["away", "500", "3"])
        let front = try await program.startHTTP2Front(of: origin.port)
        defer { front.process.kill(SIGKILL) }
        try await enqueue(1500, front)
        let run = try await run(["-w", "100", "--retries", "1"])
        #expect(run.status == 0, "\(run.out)\(run.err)")
        let report = try origin.report()
        #expect(report.ok == 1500 && report.refused < 400, "\(report)")
    }

    @Test func aWrongToken_stopsTheRun_andBurnsNothing() async throws {
        let origin = try await BusyOrigin(["deny", "401"])
        let front = try await program.startHTTP2Front(of: origin.port)
        defer { front.process.kill(SIGKILL) }
        try await enqueue(3000, front)
        let result = try await run(["-w", "100"])
        #expect(result.status == 12, "\(result.out)\(result.err)")
        #expect(try await program.status().jobs.failed == 0)
        #expect(try origin.report().refused <= 1000 + 2 * 100)
    }

    // MARK: - Limits of the user's

    @Test func requestsInFlight_areBounded_asStreams() async throws {
        let origin = try await BusyOrigin(["plain", "20"])
        let front = try await program.startHTTP2Front(of: origin.port)
        defer { front.process.kill(SIGKILL) }
        try await enqueue(300, front)
        let run = try await run(["-w", "50", "--per-host", "5"])
        #expect(run.status == 0, "\(run.out)\(run.err)")
        let report = try origin.report()
        #expect(report.ok == 300 && report.mostInFlight == 5, "\(report)")
        // A connection an event loop, of which there is one a core.
        #expect(front.connections().count < 5)
    }

    @Test func rate_isKept() async throws {
        let origin = try await BusyOrigin(["plain", "0"])
        let front = try await program.startHTTP2Front(of: origin.port)
        defer { front.process.kill(SIGKILL) }
        try await enqueue(600, front)
        let begin = ContinuousClock.now
        let run = try await run(["-w", "50", "--rate", "200/s"])
        #expect(run.status == 0, "\(run.out)\(run.err)")
        #expect(ContinuousClock.now - begin > .seconds(2.7))
        // On a busy machine the server in front hands on late what came in time.
        #expect(try origin.report().mostInASecond <= 300)
        _ = front.connections()
    }

    @Test func delay_isBetweenRequestsToAHost() async throws {
        let origin = try await BusyOrigin(["plain", "0"])
        let front = try await program.startHTTP2Front(of: origin.port)
        defer { front.process.kill(SIGKILL) }
        try await enqueue(12, front)
        let begin = ContinuousClock.now
        let run = try await run(["-w", "50", "--delay", "0.2"])
        #expect(run.status == 0, "\(run.out)\(run.err)")
        #expect(ContinuousClock.now - begin > .seconds(1.1))
        #expect(try origin.report().mostInFlight == 1)
        _ = front.connections()
    }

    @Test func robots_areHonoured() async throws {
        let origin = try await BusyOrigin(["plain", "0"])
        let front = try await program.startHTTP2Front(of: origin.port)
        defer { front.process.kill(SIGKILL) }
        let list = (0..<40).map { "\(front.url)/\($0 % 4 == 0 ? "no" : "yes")/\($0)\n" }.joined()
        write(Array(list.utf8), to: program.folder.file("list"))
        try await program.runner("enqueue", "list").expectSuccess()
        let run = try await run(["--robots"])
        #expect(run.status == 1, "\(run.out)\(run.err)")
        let counts = try await program.status()
        #expect(counts.jobs.completed == 30 && counts.jobs.failed == 10)
        #expect(counts.outcomes.contains(.init(outcome: "robots", state: "failed", count: 10)))
        #expect(try origin.report().ok == 30)
        _ = front.connections()
    }

    // MARK: - GOAWAY

    /// nginx ends a connection so after each hundred requests, with those in flight behind it.
    @Test func connectionsThatEndByGoAway_costNoAttempt() async throws {
        let jobs = setting("RUNNER_TEST_GOAWAY_JOBS", default: 3000)
        let origin = try await BusyOrigin(["plain", "2"])
        let front = try await program.startHTTP2Front(of: origin.port, requests: 100)
        defer { front.process.kill(SIGKILL) }
        try await enqueue(jobs, front)
        let run = try await run(["-w", "200", "--retries", "0", "--json"])
        #expect(run.status == 0, "\(run.out)\(run.err)")
        #expect(try await program.status().jobs.completed == jobs)
        #expect(front.connections().count >= jobs / 100)
    }
}
