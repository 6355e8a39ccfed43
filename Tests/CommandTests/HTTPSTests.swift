import Foundation
import TestSupport
import Testing

/// https against nginx, which negotiates HTTP/2.
@Suite(.serialized) struct HTTPSTests {
    private let program = Program()

    @Test func httpsIsFetched_overHTTP2_onFewConnections() async throws {
        let nginx = try await program.startNginx()
        defer { nginx.process.kill(SIGKILL) }
        try await program.runner(
            "enqueue", "--range", "0..500", "--url", "https://localhost:\(nginx.port)/{id}")
        let result = try await program.runner("run", "--workers", "64", "--cacert", "cert.pem")
        #expect(result.status == 0, "\(result.err) \(result.out)")
        let log = String(decoding: contents(of: program.folder.file("access.log")), as: UTF8.self)
        let lines = log.split(separator: "\n").map { $0.split(separator: " ") }.filter {
            $0[0] == "HTTP/2.0"
        }
        #expect(Set(lines.map { $0[2] }).count == 500)
        // A connection a shard, not one a worker.
        #expect(Set(lines.map { $0[1] }).count <= 8)
    }

    @Test func anUntrustedCertificate_failsAtOnce_unlessInsecure() async throws {
        let nginx = try await program.startNginx()
        defer { nginx.process.kill(SIGKILL) }
        try await program.runner(
            "enqueue", "--range", "0..5", "--url", "https://localhost:\(nginx.port)/{id}")
        #expect(try await program.runner("run").status == 1)
        #expect(
            try await program.status().outcomes == [
                .init(outcome: "tls", state: "failed", count: 5)
            ])
        try await program.runner(
            "enqueue", "--range", "5..10", "--url", "https://localhost:\(nginx.port)/{id}")
        #expect(try await program.runner("run", "--insecure").status == 1)
        #expect(try await program.status().jobs.completed == 5)
    }
}
