import Foundation
import TestSupport
import Testing

/// Streams of HTTP/2 that a server takes back: by GOAWAY, or by RST_STREAM with REFUSED_STREAM.
@Suite(.serialized, .timeLimit(.minutes(5))) struct HTTP2StreamTests {
    private let program = Program()

    private func enqueue(_ count: Int, _ origin: HTTP2Origin, _ more: [String] = []) async throws {
        try await program.start(
            "runner", ["enqueue", "--range", "0..\(count)", "--url", "\(origin.url)/{id}"] + more
        ).wait().expectSuccess()
    }

    private func run(_ arguments: String...) async throws -> Program.Result {
        try await program.start("runner", ["run", "-q", "--cacert", "cert.pem"] + arguments).wait()
    }

    /// As servers do after so many requests, and as they are reloaded; with an error code, too.
    @Test(arguments: [
        ["goaway", "40"], ["goaway", "3"], ["goaway", "40", "11"], ["hangup", "40"],
    ])
    func whatComesBehindGoAway_isAskedForAgain_andCostsNoAttempt(mode: [String]) async throws {
        let origin = try await HTTP2Origin(mode, in: program)
        try await enqueue(1200, origin)
        let run = try await run("-w", "100", "--retries", "0")
        #expect(run.status == 0, "\(run.out)\(run.err)")
        let report = try origin.report()
        #expect(report.ok == 1200 && report.twice == 0 && report.refused > 20, "\(report)")
    }

    /// libcurl gives up each sixth time, over the life of a handle, and at six times in a row.
    @Test(arguments: ["1", "9"])
    func whatIsRefused_isAskedForAgain_andCostsNoAttempt(times: String) async throws {
        let origin = try await HTTP2Origin(["refuse", times], in: program)
        try await enqueue(100, origin)
        let run = try await run("-w", "50", "--retries", "0", "--retry-delay", "0.2")
        #expect(run.status == 0, "\(run.out)\(run.err)")
        let report = try origin.report()
        #expect(report.ok == 100 && report.twice == 0, "\(report)")
        #expect(report.refused == 100 * Int(times)!, "\(report)")
    }

    @Test func aServerThatRefusesForEver_isNotAskedForEver() async throws {
        let origin = try await HTTP2Origin(["refuse", "1000000"], in: program)
        try await enqueue(3, origin)
        let run = try await run("--retries", "1", "--retry-delay", "0.01", "--no-adapt")
        #expect(run.status == 1, "\(run.out)\(run.err)")
        #expect(
            try await program.status().outcomes == [
                .init(outcome: "reset", state: "failed", count: 3)
            ])
        // Of each job two attempts count, and ten do not; libcurl asks twelve times in each.
        let report = try origin.report()
        #expect((3...3 * 12 * 12).contains(report.refused), "\(report)")
    }

    /// Whether it was taken back or cut off, libcurl does not tell: so it costs an attempt.
    @Test func whatMayNotComeTwice_isSentAgainAsARetryAlone() async throws {
        let origin = try await HTTP2Origin(["goaway", "40"], in: program)
        try await enqueue(400, origin, ["-X", "POST", "-d", "x"])
        let once = try await run("-w", "50", "--retries", "0")
        #expect(once.status == 1, "\(once.out)\(once.err)")
        let report = try origin.report()
        #expect(report.posted < 400 && report.twice == 0, "\(report)")
        #expect(report.posted + report.refused <= 400, "\(report)")
        try await program.start("runner", ["retry", "--all"]).wait().expectSuccess()
        let again = try await run("-w", "50", "--retries", "50", "--retry-delay", "0.1")
        #expect(again.status == 0, "\(again.out)\(again.err)")
        #expect(try origin.report().posted == 400)
        #expect(try origin.report().twice == 0)
    }
}
