import Foundation
import TestSupport
import Testing

/// Lists over many hosts, some of which do not exist, refuse, or take long.
///
/// `RUNNER_TEST_HOSTS` says how many hosts; each has six jobs, and one more host has a fifth of all.
@Suite(.serialized, .timeLimit(.minutes(10))) struct ManyHostsTests {
    private let program = Program()
    private static let hosts = setting("RUNNER_TEST_HOSTS", default: 200)
    private static let big = 1500 * hosts / 1000

    private enum Kind: String, CaseIterable {
        case healthy, big, nx, refusing, slow

        /// - Parameter url: A job's URL, by which its kind is told.
        init(url: String) {
            let labels = url.split(separator: "/")[1].split(separator: ".")
            self =
                switch labels[0] {
                case "big": .big
                case "nx": .nx
                case "a-127-0-0-9": .refusing
                default: url.contains("/delay/") ? .slow : .healthy
                }
        }

        init(host: Int) {
            self =
                switch host % 20 {
                case 0, 1: .nx
                case 2, 3: .refusing
                case 4: .slow
                default: .healthy
                }
        }

        var outcome: String {
            switch self {
            case .healthy, .big, .slow: "200"
            case .nx: "dns"
            case .refusing: "connect"
            }
        }
    }

    private struct Row: Decodable {
        let url: String
        let outcome: String
        let fetchedAt: String

        var kind: Kind { Kind(url: url) }
        var milliseconds: Double {
            let date = try? Date.ISO8601FormatStyle(includingFractionalSeconds: true)
                .parse(fetchedAt)
            return (date?.timeIntervalSince1970 ?? .nan) * 1000
        }
    }

    /// Enqueues the list, mixed.
    ///
    /// - Returns: The URLs.
    private func enqueue(_ origin: TestOrigin, slowMs: Int) async throws -> [String] {
        var urls: [String] = []
        for host in 0..<Self.hosts {
            let kind = Kind(host: host)
            let name =
                switch kind {
                case .healthy, .big, .slow: "h\(host)"
                case .nx: "nx.h\(host)"
                case .refusing: "a-127-0-0-9.h\(host)"
                }
            for job in 0..<6 {
                let id = host * 6 + job
                let path = kind == .slow ? "delay/\(slowMs)/\(id)" : "\(id)"
                urls.append("http://\(name).test:\(origin.port)/\(path)")
            }
        }
        for job in 0..<Self.big {
            urls.append("http://big.test:\(origin.port)/\(1_000_000 + job)")
        }
        var random = SeededGenerator(seed: testSeed(for: "manyHosts"))
        urls.shuffle(using: &random)
        write(Array(urls.map { $0 + "\n" }.joined().utf8), to: program.folder.file("urls"))
        try await program.start("runner", ["enqueue", "urls"]).wait().expectSuccess()
        return urls
    }

    private func arguments(_ server: NameServer) -> [String] {
        [
            "run", "-q", "--workers", "60", "--retries", "1", "--output", "out",
            "--output-failures", "--no-body", "--dns-servers", server.address,
        ]
    }

    private func rows() throws -> [Row] {
        let decoder = JSONDecoder()
        decoder.keyDecodingStrategy = .convertFromSnakeCase
        let folder = program.folder.file("out")
        return try FileManager.default.contentsOfDirectory(atPath: folder)
            .filter { $0.hasSuffix(".jsonl") }
            .flatMap { contents(of: folder + "/" + $0).split(separator: UInt8(ascii: "\n")) }
            .map { try decoder.decode(Row.self, from: Data($0)) }
    }

    private func expectEachOnce(_ rows: [Row], _ urls: [String]) {
        #expect(rows.map(\.url).sorted() == urls.sorted())
        let wrong = rows.filter { $0.outcome != $0.kind.outcome }
        #expect(wrong.isEmpty, "\(wrong.prefix(3))")
    }

    @Test func healthyHosts_areNotHeldUp_byOthers() async throws {
        let origin = try await TestOrigin()
        let server = try NameServer()
        let urls = try await enqueue(origin, slowMs: 3000)
        let run = try await program.start("runner", arguments(server)).wait(seconds: 300)
        #expect(run.status == 1, "\(run.err)")
        let rows = try rows()
        expectEachOnce(rows, urls)
        let first = rows.map(\.milliseconds).min() ?? 0
        func last(_ these: Set<Kind>) -> Double {
            (rows.filter { these.contains($0.kind) }.map(\.milliseconds).max() ?? 0) - first
        }
        print("last healthy after", last([.healthy, .big]), "ms, last slow", last([.slow]))
        // The slow ones alone keep all of the workers for three seconds, and have an eighth.
        #expect(last([.healthy, .big]) < last([.slow]) / 2)
        try await program.expectVerified()
    }

    @Test func eachJobEndsAsItShould_whateverIsKilled() async throws {
        let origin = try await TestOrigin()
        let server = try NameServer()
        let urls = try await enqueue(origin, slowMs: 300)
        for kill in 1...3 {
            let before = try origin.hits().requests
            let run = try program.start("runner", arguments(server))
            try await run.wait { try origin.hits().requests > before + urls.count / 5 }
            run.kill(SIGKILL)
            _ = await run.wait()
            print("killed", kill, "times, after", try origin.hits().requests, "requests")
        }
        let run = try await program.start("runner", arguments(server)).wait(seconds: 300)
        #expect(run.status == 1, "\(run.err)")
        expectEachOnce(try rows(), urls)
        try await program.expectVerified()
    }
}
