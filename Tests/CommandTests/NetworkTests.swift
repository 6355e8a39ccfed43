import Foundation
import TestSupport
import Testing

/// The options of the machine's network, but for proxies, and of how bodies come.
@Suite(.serialized, .timeLimit(.minutes(5))) struct NetworkTests {
    private let program = Program()

    private func enqueue(_ count: Int, _ url: String) async throws {
        try await program.runner("enqueue", "--range", "0..\(count)", "--url", url).expectSuccess()
    }

    // MARK: - Addresses

    @Test(arguments: ["ares", "system"])
    func aPinnedName_isNotLookedUp(resolver: String) async throws {
        let origin = try await TestOrigin()
        let port = origin.port
        try await enqueue(20, "http://Pinned.invalid:\(port)/{id}")
        try await enqueue(20, "http://pinned.invalid:1/{id}")
        let result = try await program.runner(
            "run", "--resolve", "other.invalid:80:127.0.0.2", "--resolve",
            "pinned.invalid:\(port):[::1],127.0.0.1", "--resolver", resolver, "--retries", "0")
        #expect(result.status == 1, "\(result.out)\(result.err)")
        #expect(try origin.hits().requests == 20)
        let outcomes = try await program.status().outcomes
        #expect(outcomes.first { $0.outcome == "dns" }?.count ?? 0 >= 19, "\(outcomes)")
    }

    @Test(arguments: [("-4", ["A"]), ("--ipv6", ["AAAA"])])
    func aFamily_isAskedForAlone(flag: String, types: [String]) async throws {
        let origin = try await TestOrigin()
        let server = try NameServer()
        try await enqueue(5, "http://both.k{id}.x.test:\(origin.port)/{id}")
        let result = try await program.runner(
            "run", flag, "--dns-servers", server.address, "--retries", "0")
        // The origin is at 127.0.0.1 alone.
        #expect(result.status == (flag == "-4" ? 0 : 1), "\(result.out)\(result.err)")
        #expect(try server.counts().types.keys.sorted() == types)
        let outcome = flag == "-4" ? "200" : "connect"
        #expect(try await program.status().outcomes.map(\.outcome) == [outcome])
    }

    @Test(arguments: [("-4", "200"), ("-6", "connect")], ["localhost", "127.0.0.1"])
    func aFamily_isConnectedToAlone(flag: (String, String), host: String) async throws {
        let origin = try await TestOrigin()
        for resolver in ["ares", "system"] {
            let program = Program()
            try await program.runner(
                "enqueue", "--range", "0..5", "--url", "http://\(host):\(origin.port)/{id}")
            let result = try await program.runner(
                "run", flag.0, "--retries", "0", "--resolver", resolver)
            #expect(result.status == (flag.1 == "200" ? 0 : 1), "\(result.out)\(result.err)")
            #expect(try await program.status().outcomes.map(\.outcome) == [flag.1])
        }
    }

    /// The proxy tells where connections come from.
    @Test(arguments: [("127.0.0.2", "127.0.0.2"), ("lo", "127.0.0.1")])
    func connections_goOutFromTheInterface(name: String, address: String) async throws {
        let (origin, proxy) = (try await TestOrigin(), try await TestProxy())
        try await enqueue(20, "\(origin.url)/{id}")
        let result = try await program.runner("run", "--interface", name, "-x", proxy.place)
        #expect(result.status == 0, "\(result.out)\(result.err)")
        #expect(try Set(proxy.seen().peers) == [address])
    }

    // MARK: - TLS

    @Test func theCertificate_isShown_toServersThatAskForOne() async throws {
        let nginx = try await program.startNginx()  // for its certificate
        nginx.process.kill(SIGKILL)
        let port = freePort()
        let server = try program.start(
            "/usr/bin/openssl",
            [
                "s_server", "-accept", "\(port)", "-cert", "cert.pem", "-key", "key.pem", "-CAfile",
                "cert.pem", "-Verify", "1", "-verify_return_error", "-www",
            ])
        defer { server.kill(SIGKILL) }
        try await server.wait { server.out.contains("ACCEPT") }
        try await openssl(
            "rsa", "-in", "key.pem", "-aes128", "-passout", "pass:a:b", "-out", "locked.pem")
        try await enqueue(1, "https://localhost:\(port)/{id}")
        let bare = try await program.runner("run", "--cacert", "cert.pem", "--retries", "0")
        #expect(bare.status == 1, "a server that takes anyone proves nothing")
        for key in [
            ["-E", "cert.pem", "--key", "key.pem"], ["-E", "cert.pem:a:b", "--key", "locked.pem"],
        ] {
            try await enqueue(3, "https://localhost:\(port)/{id}")
            let result = try await program.start(
                "runner", ["run", "--cacert", "cert.pem", "-w", "1", "--max-time", "10"] + key
            ).wait()
            #expect(result.out.contains(" 3 jobs "), "\(result.out)\(result.err)")
        }
        #expect(try await program.status().jobs.completed == 6)
    }

    private func openssl(_ words: String...) async throws {
        try #require(try await program.start("/usr/bin/openssl", words).wait().status == 0)
    }

    @Test func aCertificateThatCannotBeShown_isRefusedFirst() async throws {
        let nginx = try await program.startNginx()
        nginx.process.kill(SIGKILL)
        try await openssl("genrsa", "-out", "other.pem", "2048")
        try await openssl(
            "rsa", "-in", "key.pem", "-aes128", "-passout", "pass:right", "-out", "locked.pem")
        let cases: [([String], String, String)] = [
            (["--cert", "none.pem"], "none.pem cannot be read (No such file", "--cert"),
            (["--cert", "."], ". cannot be read (Is a directory)", "--cert"),
            (["--cert", "key.pem"], "key.pem holds no certificate", "PEM file with --cert"),
            (["--cert", "cert.pem"], "cert.pem holds no private key", "--key"),
            (
                ["--cert", "cert.pem", "--key", "other.pem"], "is not that of the certificate",
                "own key"
            ),
            (["--cert", "cert.pem", "--key", "locked.pem"], "needs no password", "file:password"),
            (
                ["--cert", "cert.pem:wr0ng", "--key", "locked.pem"], "its password opens",
                "file:password"
            ),
        ]
        for (words, names, cure) in cases {
            let result = try await program.start("runner", ["run"] + words).wait()
            result.expectRefusal(2, names, cure)
            #expect(!result.err.contains("wr0ng"))
        }
    }

    @Test(arguments: [("--http1.1", "HTTP/1.1"), ("--http2", "HTTP/2.0")])
    func theVersionOfHTTP_isThatAskedFor(flag: String, version: String) async throws {
        let nginx = try await program.startNginx()
        defer { nginx.process.kill(SIGKILL) }
        try await enqueue(50, "https://localhost:\(nginx.port)/{id}")
        let result = try await program.runner("run", flag, "--cacert", "cert.pem")
        #expect(result.status == 0, "\(result.out)\(result.err)")
        let log = String(decoding: contents(of: program.folder.file("access.log")), as: UTF8.self)
        #expect(log.split(separator: "\n").count { $0.hasPrefix(version) } >= 50)
    }

    // MARK: - Bodies

    @Test func rawBodies_areKeptAsTheyCome_andNoCodingIsAskedFor() async throws {
        let server = OneAnswerServer(
            answer: "HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: 7\r\n\r\nno gzip")
        try await enqueue(1, "http://127.0.0.1:\(server.port)/{id}")
        let cooked = try await program.runner("run", "--compressed", "--retries", "0")
        #expect(cooked.status == 1, "\(cooked.out)")
        #expect(server.requests.last?.contains("Accept-Encoding: gzip, br, zstd\r\n") == true)
        try await enqueue(1, "http://127.0.0.1:\(server.port)/{id}")
        let raw = try await program.runner("run", "--raw", "--retries", "0", "--output", "out")
        #expect(raw.out.contains(" 1 jobs "), "\(raw.out)\(raw.err)")
        #expect(server.requests.last?.contains("Accept-Encoding") == false)
        let rows = String(
            decoding: contents(of: program.folder.file("out/responses-00001.jsonl")), as: UTF8.self)
        #expect(rows.contains(#""body":"no gzip""#), "\(rows)")
    }

    // MARK: - Speed

    @Test func aSlowBodyThatMovesOn_lives_andAStalledOneEnds() async throws {
        let origin = try await TestOrigin()
        // 5 s, 10 bytes a second; and ten bytes, then silence.
        try await enqueue(3, "\(origin.url)/slow-body/100/50/{id}")
        try await enqueue(3, "\(origin.url)/long-length/{id}")
        try await enqueue(3, "\(origin.url)/silent/{id}")
        let started = ContinuousClock.now
        let result = try await program.runner(
            "run", "--speed-limit", "5", "--speed-time", "2", "--retries", "0")
        #expect(result.status == 1, "\(result.out)\(result.err)")
        #expect(ContinuousClock.now - started < .seconds(20))
        #expect(
            try await program.status().outcomes == [
                .init(outcome: "200", state: "completed", count: 3),
                .init(outcome: "timeout", state: "failed", count: 6),
            ])
    }

    @Test func aMaximumTime_countsBesideASpeed_whenItIsGiven() async throws {
        let origin = try await TestOrigin()
        try await enqueue(3, "\(origin.url)/slow-body/100/100/{id}")
        let result = try await program.runner(
            "run", "--speed-time", "5", "--max-time", "2", "--retries", "0")
        #expect(result.status == 1, "\(result.out)\(result.err)")
        #expect(try await program.status().outcomes.map(\.outcome) == ["timeout"])
    }

    // MARK: - Refused

    @Test(
        arguments: [
            (["-x", "ftp://u:s3cret@h"], "--proxy has a scheme that no proxy has", "socks5h"),
            (["-x", "http://u:s3cret@h:99999"], "--proxy has a port", "http://host:port"),
            (["-x", "http://u:s3cret@"], "--proxy has no host", "http://host:port"),
            (["--proxy-user", "s3cret", "-x", "h"], "--proxy-user has no colon", "user:password"),
            (["--proxy-user", "u:s3cret", "--no-proxy-env"], "without a proxy", "--proxy"),
            (["--interface", "nosuch0"], "'nosuch0' is neither", "ip address"),
            (
                ["--interface", "192.0.2.1"], "'192.0.2.1' is no address of this machine",
                "ip address"
            ),
            (
                ["--resolve", "+h:80:127.0.0.1"], "'+h:80:127.0.0.1' begins with +",
                "example.com:443:"
            ),
            (["--resolve", "h:80"], "'h:80' is no name", "example.com:443:"),
            (["-4", "-6"], "-4 and -6", "give one"),
            (["--http2", "--http1.1"], "--http1.1", "give one"),
            (["--raw", "--compressed"], "--raw", "give one"), (["--key", "k"], "--key", "--cert"),
            (["--speed-limit", "0"], "--speed-limit", ""),
            (["--speed-time", "x"], "--speed-time", ""),
        ] as [([String], String, String)])
    func aWrongOption_isRefused_withTheCure(words: [String], names: String, cure: String)
        async throws
    {
        let result = try await program.start("runner", ["run"] + words).wait()
        result.expectRefusal(2, cure.isEmpty ? [names] : [names, cure])
        #expect(!result.err.contains("s3cret"), "\(result.err)")
    }

    @Test func aWrongVariable_isRefused_withTheCure() async throws {
        var program = program
        program.environment = ["http_proxy": "http://u:s3cret@h:port"]
        let result = try await program.runner("run")
        result.expectRefusal(2, "http_proxy has a port", "--no-proxy-env")
        #expect(!result.err.contains("s3cret"))
    }
}
