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

    /// libcurl 7.88 hands over as much of such a head as its buffer takes and forgets the rest.
    @Test(arguments: [1, 50, 300])
    func headsLargerThanABuffer_comeWhole_overHTTP2(workers: Int) async throws {
        let nginx = try await program.startNginx(headKB: 20)
        defer { nginx.process.kill(SIGKILL) }
        try await program.runner(
            "enqueue", "--range", "0..1000", "--url", "https://localhost:\(nginx.port)/{id}")
        let result = try await program.runner(
            "run", "--workers", "\(workers)", "--cacert", "cert.pem", "--retries", "0",
            "--max-time", "20", "--output", "out")
        #expect(result.status == 0, "\(result.err) \(result.out)")
        try await program.runner("verify").expectSuccess()
        let lines = contents(of: program.folder.file("out/responses-00001.jsonl")).split(
            separator: UInt8(ascii: "\n"))
        #expect(lines.count == 1000)
        #expect(
            lines.allSatisfy { line in
                let text = String(decoding: line, as: UTF8.self)
                return text.contains(#"["X-0","v"#) || text.contains(#"["x-0","v"#)
            })
    }

    @Test func connectionsMadeAnew_resumeTheirTLSSession() async throws {
        let nginx = try await program.startNginx(http2: false, requests: 10)
        defer { nginx.process.kill(SIGKILL) }
        try await program.runner(
            "enqueue", "--range", "0..4000", "--url", "https://localhost:\(nginx.port)/{id}")
        let result = try await program.runner("run", "--workers", "20", "--cacert", "cert.pem")
        #expect(result.status == 0, "\(result.err) \(result.out)")
        let log = String(decoding: contents(of: program.folder.file("access.log")), as: UTF8.self)
        var isReused: [Substring: Bool] = [:]
        for line in log.split(separator: "\n").map({ $0.split(separator: " ") }) {
            isReused[line[1]] = line[3] == "r."
        }
        #expect(isReused.count >= 400)
        // All but the first of each loop, which the others wait for; not all on a busy machine.
        #expect(isReused.values.count { !$0 } <= 10, "\(isReused.values.count { !$0 })")
    }
}
