import Foundation
import TestSupport
import Testing

/// Redirects and names that lead from public addresses to others.
@Suite(
    .serialized, .timeLimit(.minutes(5)),
    .enabled(if: PublicNetwork.isAllowed, PublicNetwork.need))
struct AddressTests {
    private let program = Program()

    /// Places that lead inward, and how a redirect writes them.
    private static let inward = [
        "127.0.0.1", "127.1", "0177.0.0.1", "0x7f.1", "2130706433", "169.254.169.254", "10.1.2.3",
        "0.0.0.0", "[::1]", "[::ffff:127.0.0.1]", "[::ffff:a9fe:a9fe]", "localhost", "a.localhost",
        "a-127-0-0-1.test", "a-169-254-169-254.test", "a-10-1-2-3.test", "aaaa-1.test",
    ]
    private static let names = "--dns-servers 127.0.0.1:5300"

    private func queue(_ lines: [String]) {
        write(Array(lines.joined(separator: "\n").utf8), to: program.folder.file("list"))
    }

    private func inNetwork(_ script: String) async throws {
        let result = try await PublicNetwork.run(script, in: program)
        #expect(result.status == 0, "\(result.out)\(result.err)")
    }

    /// The outcome of each line of the list, in its order.
    private func outcomes(_ queue: String = "runner.db") async throws -> [String] {
        let result = try await program.runner("export", "--queue", queue, "--format", "jsonl")
        result.expectSuccess()
        struct Row: Decodable {
            let url: String
            let outcome: String
        }
        let rows = try result.out.split(separator: "\n").map {
            try JSONDecoder().decode(Row.self, from: Data($0.utf8))
        }
        let outcomes = Dictionary(rows.map { ($0.url, $0.outcome) }) {
            $0 == $1 ? $0 : "\($0) \($1)"
        }
        let list = String(decoding: contents(of: program.folder.file("list")), as: UTF8.self)
        return list.split(separator: "\n").map { outcomes[String($0)] ?? "none" }
    }

    private var secrets: [PublicNetwork.Hit] {
        PublicNetwork.hits(in: program).filter { $0.path.contains("/page/secret") }
    }

    // MARK: - Redirects

    @Test func redirectsThatLeadInward_areRefused_andToldFromOthers() async throws {
        let origins = [PublicNetwork.host, "[2001:db8::7]", "a-198-51-100-7.test"]
        let forbidden = origins.flatMap { origin in
            Self.inward.map { "http://\(origin)/go?to=http://\($0)/page/secret" }
        }
        let others = ["file:///etc/passwd", "ftp://127.0.0.1/page/secret"].map {
            "http://\(PublicNetwork.host)/go?to=\($0)"
        }
        let plain = ["http://\(PublicNetwork.host)/go?to=http://[2001:db8::7]/page"]
        queue(forbidden + others + plain)
        try await inNetwork(
            """
            runner enqueue list
            runner run -q --output out --output-failures \(Self.names) || [ $? -eq 1 ]
            mv access.log first.log; kill -USR1 $nginx
            runner enqueue list --again --queue allowed.db
            runner run -q --queue allowed.db --allow-private \(Self.names) || [ $? -eq 1 ]
            """)
        let ends = ["redirects", "redirects", "200"]
        #expect(
            try await outcomes()
                == [String](repeating: "forbidden_address", count: forbidden.count) + ends)
        let first = String(decoding: contents(of: program.folder.file("first.log")), as: UTF8.self)
        #expect(first.contains("/go") && !first.contains("secret"))
        // Each of them can be reached.
        #expect(
            try await outcomes("allowed.db")
                == [String](repeating: "200", count: forbidden.count) + ends)
        #expect(secrets.count == forbidden.count)
        try await program.runner("verify").expectSuccess()
    }

    /// As a redirect that is not followed: there are no rules.
    @Test func robotsThatLeadInward_areNone() async throws {
        queue([
            "http://a-198-51-100-7.inward.test/page/1", "http://\(PublicNetwork.host)/page/2",
        ])
        try await inNetwork("runner enqueue list; runner run -q \(Self.names)")
        #expect(try await outcomes() == ["200", "200"])
        #expect(PublicNetwork.hits(in: program).contains { $0.path == "/robots.txt" })
        #expect(secrets.isEmpty)
    }

    @Test func aRedirectThatLeadsOutward_andThenInward_isRefused() async throws {
        let host = PublicNetwork.host
        queue([
            "http://\(host)/go?to=http://[2001:db8::7]/go?to=http://a-127-0-0-1.test/page/secret",
            // From a private address, outward, and back.
            "http://10.1.2.3/go?to=http://\(host)/go?to=http://10.1.2.3/page/secret",
            // The user's own.
            "http://10.1.2.3/go?to=http://a-127-0-0-1.test/page/secret",
            "http://a-10-1-2-3.test/page/secret",
        ])
        try await inNetwork("runner enqueue list; runner run -q \(Self.names) || [ $? -eq 1 ]")
        #expect(
            try await outcomes() == ["forbidden_address", "forbidden_address", "200", "200"])
        #expect(secrets.count == 2)
    }

    @Test(arguments: [("http", "80"), ("https", "443")])
    func aConnectionOfAnotherRequest_isNoWayInward(scheme: String, port: String) async throws {
        let host = PublicNetwork.host
        let own = "\(scheme)://a-127-0-0-1.test"
        queue([
            "\(own)/page/own", "\(scheme)://\(host)/go?to=\(own)/page/secret", "\(own)/page/own",
        ])
        try await inNetwork(
            """
            runner enqueue list
            runner run -q -k -w 1 \(Self.names) || [ $? -eq 1 ]
            runner enqueue list --again --queue allowed.db
            runner run -q -k -w 1 --queue allowed.db --allow-private \(Self.names)
            """)
        #expect(try await outcomes() == ["200", "forbidden_address", "200"])
        let hits = PublicNetwork.hits(in: program).filter { $0.path.hasPrefix("/page") }
        #expect(
            hits.map(\.path)
                == ["/page/own", "/page/own", "/page/own", "/page/secret", "/page/own"])
        try #require(hits.count == 5)
        // The connection would have been used.
        #expect(hits[2].connection == hits[3].connection)
    }

    /// nginx answers as a proxy, too: it looks at the path alone.
    @Test func byAProxy_theTextOfARedirectIsJudged() async throws {
        let origin = "http://a-198-51-100-7.test/go?to="
        queue([
            "\(origin)http://127.0.0.1/page/secret", "\(origin)http://localhost/page/secret",
            // A name that is reached without the proxy.
            "\(origin)http://a-10-1-2-3.test/page/secret",
            // Only the proxy knows where it leads.
            "\(origin)http://a-127-0-0-1.test/page/told",
            // The user's own.
            "http://127.0.0.1/go?to=http://localhost/page/told",
        ])
        try await inNetwork(
            """
            runner enqueue list
            runner run -q -x http://127.0.0.1:80 --noproxy a-10-1-2-3.test \(Self.names) \
                || [ $? -eq 1 ]
            """)
        let refused = [String](repeating: "forbidden_address", count: 3)
        #expect(try await outcomes() == refused + ["200", "200"])
        #expect(secrets.isEmpty)
    }

    // MARK: - Names

    @Test func aNameThatChangesItsMind_isRefused() async throws {
        let name = "ttl-0.a-198-51-100-7.then-127-0-0-1.test"
        queue(["http://\(name)/slow", "http://\(name)/page/secret"])
        try await inNetwork(
            """
            runner enqueue list
            runner run -q -w 1 \(Self.names) || [ $? -eq 1 ]
            """)
        #expect(try await outcomes() == ["200", "forbidden_address"])
        #expect(secrets.isEmpty)
        // It does change.
        #expect(
            PublicNetwork.hits(in: program).filter { $0.path == "/slow" }.map(\.address) == [
                "198.51.100.7"
            ])
        try await inNetwork(
            """
            runner enqueue list --queue allowed.db
            runner run -q -w 1 --queue allowed.db --allow-private \(Self.names)
            """)
        #expect(secrets.map(\.address) == ["127.0.0.1"])
    }

    @Test func ofAddressesOfBothKinds_thePublicOnesAreUsed() async throws {
        queue([
            "http://\(PublicNetwork.host)/go?to=http://a-127-0-0-1.a-198-51-100-7.test/page/secret"
        ])
        try await inNetwork("runner enqueue list; runner run -q \(Self.names)")
        #expect(secrets.map(\.address) == ["198.51.100.7"])
    }

    // MARK: - Credentials

    @Test func credentials_followNoRedirectToAnotherOrigin() async throws {
        let host = PublicNetwork.host
        queue([
            "https://\(host)/go?to=http://\(host)/page/plain",
            "https://\(host)/go?to=https://[2001:db8::7]/page/away",
            "https://\(host)/go?to=/page/same",
        ])
        try await inNetwork(
            """
            for option in "-u user:word" "-H Authorization:token" "-b key=word"; do
                runner enqueue list --again $option
            done
            sed 's|https://198|https://user:word@198|' list >named; runner enqueue named
            runner run -q -k -w 1
            """)
        let hits = PublicNetwork.hits(in: program)
        func credentials(_ path: String) -> [String] {
            hits.filter { $0.path == path }.map { $0.authorization + $0.cookie }
        }
        let none = "\"-\"\"-\""
        #expect(credentials("/page/plain") == [String](repeating: none, count: 4))
        #expect(credentials("/page/away") == [String](repeating: none, count: 4))
        #expect(credentials("/page/same").count == 4 && !credentials("/page/same").contains(none))
        #expect(credentials("/go").count == 12 && !credentials("/go").contains(none))
    }

    // MARK: - Lists

    @Test func lists_areFetchedByTheSameRule() async throws {
        let host = PublicNetwork.host
        let index =
            "<sitemapindex><sitemap><loc>http://127.0.0.1/map</loc></sitemap></sitemapindex>"
        write(Array(index.utf8), to: program.folder.file("index.xml"))
        let inward = [
            "http://\(host)/go?to=http://127.0.0.1/list",
            "http://\(host)/go?to=http://[::ffff:10.1.2.3]/list",
            "http://\(host)/index?to=http://127.0.0.1/map",
            "http://\(host)/index?to=http://10.1.2.3/map",
        ]
        let own = [
            "http://127.0.0.1/list", "index.xml", "http://\(host)/index?to=http://\(host)/map",
            "http://10.1.2.3/index?to=http://127.0.0.1/map",
        ]
        let refused = inward.map {
            "runner enqueue '\($0)' 2>>err && exit 9; [ $? -ne 9 ]; runner enqueue --allow-private '\($0)'"
        }
        try await inNetwork(
            (refused + own.map { "runner enqueue '\($0)'" }).joined(separator: "\n"))
        let err = String(decoding: contents(of: program.folder.file("err")), as: UTF8.self)
        let lines = err.split(separator: "\n")
        #expect(lines.count == inward.count)
        #expect(lines.allSatisfy { $0.contains("leads from a public address") }, "\(err)")
        #expect(lines.allSatisfy { $0.contains("--allow-private") }, "\(err)")
        #expect(try await program.status().jobs.total == inward.count + own.count)
    }
}
