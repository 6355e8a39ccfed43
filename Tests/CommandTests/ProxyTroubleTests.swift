import Foundation
import TestSupport
import Testing

/// Proxies that are dead, come back, or refuse some hosts: no job pays for it.
@Suite(.serialized, .timeLimit(.minutes(5))) struct ProxyTroubleTests {
    private let program = Program()

    private func enqueue(_ count: Int, _ url: String) async throws {
        try await program.runner("enqueue", "--range", "0..\(count)", "--url", url).expectSuccess()
    }

    private struct Row: Decodable { let attempts: Int }

    private func attempts() throws -> [Int] {
        try contents(of: program.folder.file("out/responses-00001.jsonl"))
            .split(separator: UInt8(ascii: "\n"))
            .map { try JSONDecoder().decode(Row.self, from: Data($0)).attempts }
    }

    private func trouble() async throws -> String? {
        let document = try await program.runner("status", "--json").json
        return (document["run"] as? [String: Any])?["trouble"] as? String
    }

    @Test func aDeadProxy_pausesTheRun_untilItIsThere_andCostsNoAttempt() async throws {
        let origin = try await TestOrigin()
        let port = freePort()
        try await enqueue(200, "\(origin.url)/{id}")
        let run = try program.start(
            "runner",
            ["run", "-w", "50", "--retries", "0", "-x", "u:s3cret@127.0.0.1:\(port)", "-o", "out"])
        try await run.wait(seconds: 20) {
            try await trouble()
                == "the proxy http://***@127.0.0.1:\(port) cannot be connected to: Connection refused"
        }
        try await run.wait(seconds: 20) { run.err.contains("paused, ") }
        #expect(run.err.contains("; see --proxy"))
        let proxy = try await TestProxy("--port", "\(port)")
        let result = await run.wait(seconds: 30)
        #expect(result.status == 0, "\(result.out)\(result.err)")
        #expect(try attempts() == Array(repeating: 1, count: 200))
        #expect(try origin.hits().requests == 200 && proxy.seen().plain.count == 200)
        #expect(!(result.out + result.err).contains("s3cret"))
    }

    @Test func aProxyWhoseNameIsUnknown_stopsTheRun_withNothingLost() async throws {
        let server = try NameServer()
        try await enqueue(50, "http://127.0.0.1:1/{id}")
        let result = try await program.runner(
            "run", "-x", "nx.proxy.test:1", "--dns-servers", server.address, "--max-stall", "2")
        #expect(result.status == 12)
        #expect(
            result.out.contains(
                "the proxy http://nx.proxy.test:1 cannot be found: there is no such name"))
        #expect(try await program.status().jobs.available == 50)
    }

    @Test(arguments: [false, true])
    func aProxyThatDiesOnTheWay_losesNothing(isTunnel: Bool) async throws {
        let origin = try await TestOrigin()
        var proxy = try await TestProxy()
        let port = proxy.port
        try await enqueue(1000, "\(origin.url)/delay/10/{id}")
        let scheme = isTunnel ? "socks5h" : "http"
        let run = try program.start(
            "runner",
            [
                "run", "-w", "20", "--retries", "9", "-x", "\(scheme)://127.0.0.1:\(port)", "-o",
                "out",
            ])
        try await run.wait { try origin.hits().requests > 200 }
        await proxy.stop()
        try await run.wait(seconds: 20) { try await trouble()?.contains("the proxy") == true }
        proxy = try await TestProxy("--port", "\(port)")
        let result = await run.wait(seconds: 60)
        #expect(result.status == 0, "\(result.out)\(result.err)")
        let hits = try origin.hits()
        #expect(hits.distinct == 1000 && hits.requests <= 1020)
        let attempts = try attempts()
        // Of those that were sent when it died it is not known who broke off.
        #expect(attempts.count == 1000 && attempts.allSatisfy { $0 <= 2 })
        #expect(attempts.count { $0 > 1 } <= 20)
        try await program.runner("verify").expectSuccess()
    }

    @Test(arguments: ["403", "502", "503", "504"])
    func aHostThatTheProxyRefuses_isThatHostsTrouble(status: String) async throws {
        let nginx = try await program.startNginx()
        defer { nginx.process.kill(SIGKILL) }
        let proxy = try await TestProxy("--answer", "localhost=\(status)")
        try await enqueue(5, "https://localhost:\(nginx.port)/{id}")
        try await enqueue(50, "https://127.0.0.1:\(nginx.port)/{id}")
        let result = try await program.runner(
            "run", "-x", proxy.place, "-k", "--retries", "0", "-o", "out", "--output-failures")
        #expect(result.status == 1, "\(result.out)\(result.err)")
        #expect(
            try await program.status().outcomes == [
                .init(outcome: "200", state: "completed", count: 50),
                .init(outcome: "connect", state: "failed", count: 5),
            ])
    }

    @Test func aProxyThatNeverAnswersCONNECT_stopsTheRun_withNothingLost() async throws {
        let proxy = try await TestProxy("--silent", "*")
        try await enqueue(50, "https://localhost:1/{id}")
        let result = try await program.runner(
            "run", "-x", proxy.place, "--connect-timeout", "1", "--max-stall", "3", "--retries", "0"
        )
        #expect(result.status == 12, "\(result.out)\(result.err)")
        #expect(result.out.contains("gives no connection to the host in time"), "\(result.out)")
        let jobs = try await program.status().jobs
        #expect(jobs.available == 50 && jobs.failed == 0, "\(jobs)")
    }
}
