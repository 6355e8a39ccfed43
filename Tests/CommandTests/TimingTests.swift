import Foundation
import TestSupport
import Testing

/// What a run tells of its requests, their times and its workers.
@Suite(.serialized, .timeLimit(.minutes(3))) struct TimingTests {
    private let program = Program()

    private struct Report: Decodable {
        struct Requests: Decodable, Equatable {
            let made, retried, refused, redirects, bytes: Int
        }
        struct Times: Decodable {
            let count: Int
            let p50, p90, p99, max: Double
        }
        struct Host: Decodable {
            let host: String
            let ttfbMs: Times?
            let wholeMs: Times
        }
        struct Timings: Decodable {
            let ttfbMs, connectMs, tlsMs, wholeMs: Times?
            let workerS: [String: Double]
            let slowestHosts: [Host]
        }
        let requests: Requests
        let timings: Timings
        let elapsedS: Double
    }

    private func run(_ arguments: String...) async throws -> Report {
        let result = try await program.start("runner", ["run", "-q", "--json"] + arguments).wait()
        #expect(result.status == 0, "\(result.err)")
        let decoder = JSONDecoder()
        decoder.keyDecodingStrategy = .convertFromSnakeCase
        return try decoder.decode(Report.self, from: Data(result.out.utf8))
    }

    private func enqueue(_ range: Range<Int>, _ url: String) async throws {
        try await program.runner(
            "enqueue", "--range", "\(range.lowerBound)..\(range.upperBound)", "--url", url
        ).expectSuccess()
    }

    @Test func aSlowOrigin_isSeenInTheTimes() async throws {
        let origin = try await TestOrigin()
        try await enqueue(0..<200, "\(origin.url)/delay/150/{id}")
        let report = try await run("-w", "20")
        let times = report.timings
        #expect(report.requests.made == 200 && report.requests.retried == 0)
        #expect(report.requests.bytes > 200 * 40, "\(report.requests)")
        for part in [times.ttfbMs, times.wholeMs] {
            let part = try #require(part)
            #expect(part.count == 200)
            // On a busy machine, answers come late, never early.
            #expect(part.p50 > 145 && part.p50 < 400, "\(part)")
            #expect(part.p50 <= part.p90 && part.p90 <= part.p99 && part.p99 <= part.max)
        }
        let connect = try #require(times.connectMs)
        #expect(connect.count >= 20 && connect.count <= 40 && connect.p50 < 100, "\(connect)")
        #expect(times.tlsMs == nil)
        let workers = times.workerS
        let all = workers.values.reduce(0, +)
        #expect(workers["server", default: 0] > 0.8 * all, "\(workers)")
        #expect(all <= 20 * report.elapsedS * 1.05, "\(workers) in \(report.elapsedS) s")
        #expect(times.slowestHosts.map(\.host) == [origin.url])
    }

    @Test func retriesRefusalsAndRedirects_areCounted() async throws {
        let origin = try await TestOrigin()
        try await enqueue(0..<10, "\(origin.url)/flaky/2/503/{id}")
        try await enqueue(10..<20, "\(origin.url)/flaky/2/500/{id}")
        try await enqueue(20..<30, "\(origin.url)/redirect/3/{id}")
        // Each attempt counts, though all fail at first.
        let report = try await run("-w", "4", "--no-adapt")
        let requests = report.requests
        #expect(requests.made == 20 + 20 + 40 && requests.retried == 20, "\(requests)")
        #expect(requests.refused == 10 && requests.redirects == 30, "\(requests)")
        // Workers wait for the retries.
        #expect(report.timings.workerS["held", default: 0] > 0.05, "\(report.timings.workerS)")
    }

    @Test func handshakes_areTimed() async throws {
        let nginx = try await program.startNginx(http2: false)
        defer { nginx.process.kill(SIGKILL) }
        try await enqueue(0..<200, "https://localhost:\(nginx.port)/{id}")
        let report = try await run("-w", "10", "--cacert", "cert.pem")
        let (connect, tls) = (
            try #require(report.timings.connectMs), try #require(report.timings.tlsMs)
        )
        #expect(connect.count == tls.count && tls.count >= 10 && tls.p50 > 0)
        #expect(report.timings.workerS["connecting", default: 0] > 0)
        #expect(report.timings.ttfbMs?.count == 200)
    }

    @Test func lookups_areTimed() async throws {
        let origin = try await TestOrigin()
        let server = try NameServer("--as", "slow-200")
        try await enqueue(0..<5, "http://k{id}.x.test:\(origin.port)/{id}")
        let report = try await run("-w", "5", "--no-robots", "--dns-servers", server.address)
        #expect(report.timings.workerS["resolving", default: 0] > 0.9, "\(report.timings.workerS)")
        // The time of the lookup is the attempt's, not the server's.
        #expect(try #require(report.timings.wholeMs).p50 > 190)
        #expect(try #require(report.timings.ttfbMs).count == 5)
    }

    @Test func theSlowestHosts_areNamed_inTheText() async throws {
        let origin = try await TestOrigin()
        let port = origin.port
        let lines = (0..<40).map {
            $0 % 2 == 0
                ? "http://localhost:\(port)/delay/300/\($0)" : "http://127.0.0.1:\(port)/\($0)"
        }
        write(Array(lines.joined(separator: "\n").utf8), to: program.folder.file("list"))
        try await program.runner("enqueue", "list").expectSuccess()
        let result = try await program.runner("run", "-q", "-w", "8")
        #expect(result.status == 0, "\(result.err)")
        let told = result.out.split(separator: "\n").map { $0.split(separator: " ") }
        #expect(told[0].starts(with: ["finished:", "40", "jobs"]), "\(result.out)")
        #expect(told[1].starts(with: ["requests:", "40,", "0", "retried,"]), "\(result.out)")
        #expect(told.contains { $0.starts(with: ["first", "byte"]) && $0.count == 10 })
        #expect(told.contains { $0.starts(with: ["workers:"]) })
        #expect(
            told.suffix(3).map { $0[0] } == [
                "slowest", "http://localhost:\(port)", "http://127.0.0.1:\(port)",
            ])
        // Nothing was done: there is nothing to tell.
        let idle = try await program.runner("run", "-q")
        #expect(idle.out.split(separator: "\n").count == 1, "\(idle.out)")
    }
}
