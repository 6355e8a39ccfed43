import Foundation
import TestSupport
import Testing

/// Certificates that are not trusted: for a while, or from the first request on.
@Suite(.serialized, .timeLimit(.minutes(5))) struct CertificateTests {
    private let program = Program()

    private func enqueue(_ count: Int, _ port: Int) async throws {
        try await program.runner(
            "enqueue", "--range", "0..\(count)", "--url", "https://localhost:\(port)/{id}"
        ).expectSuccess()
    }

    /// What the run said of hosts, without its lines of progress.
    private func news(_ text: String) -> [Substring] {
        text.split(separator: "\n").filter {
            $0.contains(" warning waiting for https://localhost:")
                || $0.contains(" info no longer waiting for https://localhost:")
        }
    }

    @Test(arguments: [true, false])
    func aCertificateThatIsWrongForAWhile_failsNoJob(http2: Bool) async throws {
        // Connections are made anew all the time. When nginx takes another certificate, some are
        // still accepted with the one before for a while: a job may meet the wrong one when the
        // change comes, and once more when it goes.
        let nginx = try await program.startNginx(http2: http2, requests: 20)
        defer { nginx.process.kill(SIGKILL) }
        try await program.copyCertificate(from: "", to: "right-")
        try await program.makeCertificate()
        try await program.copyCertificate(from: "", to: "wrong-")
        try await enqueue(4000, nginx.port)
        let run = try program.start(
            "runner",
            ["run", "-w", "20", "--cacert", "right-cert.pem", "--rate", "500/s", "--retries", "3"])
        try await run.wait { try await program.status().jobs.completed > 300 }
        nginx.process.kill(SIGHUP)  // the wrong one is in its place
        try await run.wait { news(run.err).count == 1 }
        try await program.copyCertificate(from: "right-", to: "")
        nginx.process.kill(SIGHUP)
        let result = await run.wait()
        let failures = try await program.runner("failures", "--json").out
        #expect(result.status == 0, "\(result.out)\(result.err)\(failures)")
        #expect(try await program.status().jobs.completed == 4000)
        let lines = news(result.err)
        #expect(lines.count == 2, "\(result.err)")
        #expect(lines.first?.contains("certificate") == true, "\(lines)")
        #expect(lines.last?.contains("no longer waiting for ") == true, "\(lines)")
    }

    /// As of a host that refuses connections: the run waits, says why, and stops with 12.
    @Test func aCertificateThatIsWrongFromTheBeginning_stopsTheRun_andBurnsNothing() async throws {
        let nginx = try await program.startNginx()
        defer { nginx.process.kill(SIGKILL) }
        try await enqueue(400, nginx.port)
        let cure = "name who to trust with --cacert FILE"
        let run = try await program.runner("run", "--max-stall", "6")
        #expect(run.status == 12, "\(run.out)\(run.err)")
        let lines = news(run.err)
        #expect(lines.count == 1 && lines[0].contains(cure), "\(run.err)")
        #expect(run.out.contains("certificate") && run.out.contains(cure), "\(run.out)")
        let counts = try await program.status().jobs
        #expect(counts.failed == 0 && counts.completed == 0)
        let again = try await program.runner("run", "-q", "--cacert", "cert.pem")
        #expect(again.status == 0, "\(again.out)\(again.err)")
    }

    @Test func aFewJobs_areTriedAgain_andFail_unlessInsecure() async throws {
        let nginx = try await program.startNginx()
        defer { nginx.process.kill(SIGKILL) }
        try await enqueue(5, nginx.port)
        let run = try await program.runner(
            "run", "-q", "--retries", "2", "--retry-delay", "0.1", "--json")
        #expect(run.status == 1, "\(run.out)\(run.err)")
        // None of them was sent, and each was tried thrice.
        let requests = try #require(try run.json["requests"] as? [String: Int])
        #expect(requests["made"] == 0 && requests["retried"] == 10, "\(requests)")
        #expect(
            try await program.status().outcomes == [
                .init(outcome: "tls", state: "failed", count: 5)
            ])
        try await program.runner("retry", "--outcome", "tls").expectSuccess()
        #expect(try await program.runner("run", "-q", "--insecure").status == 0)
        #expect(try await program.status().jobs.completed == 5)
    }

    /// Somebody waits for the list, and is told at once.
    @Test func aList_isNotWaitedFor() async throws {
        let nginx = try await program.startNginx()
        defer { nginx.process.kill(SIGKILL) }
        let begin = ContinuousClock.now
        let enqueue = try await program.runner("enqueue", "https://localhost:\(nginx.port)/list")
        #expect(enqueue.status != 0 && enqueue.err.contains("certificate"), "\(enqueue.err)")
        #expect(!enqueue.err.contains("tries"), "\(enqueue.err)")
        #expect(ContinuousClock.now - begin < .seconds(20))
    }
}

extension Program {
    /// Copies the certificate and its key, from one prefix of their names to another.
    fileprivate func copyCertificate(from: String, to: String) async throws {
        let script = "cp \(from)cert.pem \(to)cert.pem && cp \(from)key.pem \(to)key.pem"
        try await start("/bin/sh", ["-c", script]).wait().expectSuccess()
    }
}
