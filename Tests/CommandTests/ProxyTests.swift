import Foundation
import TestServer
import TestSupport
import Testing

/// Requests that go through a proxy, as it sees them.
@Suite(.serialized, .timeLimit(.minutes(5))) struct ProxyTests {
    private var program = Program()

    private func enqueue(_ count: Int, _ url: String) async throws {
        try await program.runner("enqueue", "--range", "0..\(count)", "--url", url).expectSuccess()
    }

    private func run(_ arguments: String...) async throws -> Program.Result {
        try await program.start(
            "runner", ["run", "--workers", "8", "--max-stall", "5"] + arguments
        )
        .wait(seconds: 60)
    }

    // MARK: - Which

    @Test func plainRequests_haveTheWholeURL_andTheProxyLooksTheNameUp() async throws {
        let (origin, proxy) = (try await TestOrigin(), try await TestProxy())
        let server = try NameServer()
        try await enqueue(50, "http://only.behind.test:\(origin.port)/{id}?q=1")
        let result = try await run(
            "-x", "k.proxy.test:\(proxy.port)", "--dns-servers", server.address)
        #expect(result.status == 0, "\(result.out)\(result.err)")
        let line =
            "requests by http and https go through http://k.proxy.test:\(proxy.port) (--proxy)"
        #expect(result.err.contains(line))
        let seen = try proxy.seen()
        let urls = (0..<50).map { "http://only.behind.test:\(origin.port)/\($0)?q=1" }
        #expect(Set(seen.plain) == Set(urls) && seen.plain.count == 50)
        #expect(try Set(server.counts().names.keys) == ["k.proxy.test"])
        // Connections are used again.
        #expect(seen.peers.count <= 16, "\(seen.peers.count)")
    }

    @Test(arguments: [
        ("socks4", "4 address 127.0.0.1:", true), ("socks4a", "4 name k.behind.test:", false),
        ("socks5", "5 address 127.0.0.1:", true), ("socks5h", "5 name k.behind.test:", false),
    ])
    func bySOCKS_theNameIsLookedUp_whereTheSchemeSays(
        scheme: String, target: String, isLookedUpHere: Bool
    ) async throws {
        let (origin, proxy) = (try await TestOrigin(), try await TestProxy())
        let server = try NameServer()
        try await enqueue(50, "http://k.behind.test:\(origin.port)/{id}")
        let result = try await run(
            "-x", "\(scheme)://k.proxy.test:\(proxy.port)", "--dns-servers", server.address, "-4")
        #expect(result.status == 0, "\(result.out)\(result.err)")
        #expect(try Set(proxy.seen().socks) == ["\(target)\(origin.port)"])
        let names: Set = isLookedUpHere ? ["k.proxy.test", "k.behind.test"] : ["k.proxy.test"]
        #expect(try Set(server.counts().names.keys) == names)
        #expect(try origin.hits().requests == 50)
    }

    @Test(arguments: ["", "--resolver=system"])
    func anAddressBySOCKS_needsNoName(resolver: String) async throws {
        let (origin, proxy) = (try await TestOrigin(), try await TestProxy())
        try await enqueue(20, "http://127.0.0.1:\(origin.port)/{id}")
        let more = resolver.isEmpty ? [] : [resolver]
        let result = try await program.start(
            "runner", ["run", "-x", "socks5://localhost:\(proxy.port)"] + more
        ).wait(seconds: 60)
        #expect(result.status == 0, "\(result.out)\(result.err)")
        #expect(try Set(proxy.seen().socks) == ["5 address 127.0.0.1:\(origin.port)"])
    }

    @Test(arguments: ["http", "https", "socks5h"])
    func httpsIsTunnelled(scheme: String) async throws {
        let nginx = try await program.startNginx()
        defer { nginx.process.kill(SIGKILL) }
        let pem = program.folder.file("both.pem")
        write(
            contents(of: program.folder.file("cert.pem"))
                + contents(of: program.folder.file("key.pem")), to: pem)
        let proxy = scheme == "https" ? try await TestProxy("--tls", pem) : try await TestProxy()
        try await enqueue(200, "https://localhost:\(nginx.port)/{id}")
        let result = try await run(
            "-x", "\(scheme)://localhost:\(proxy.port)", "--cacert", "cert.pem", "--output", "out")
        #expect(result.status == 0, "\(result.out)\(result.err)")
        let seen = try proxy.seen()
        let target = "localhost:\(nginx.port)"
        #expect(Set(seen.connect) == (scheme == "socks5h" ? [] : [target]))
        #expect(Set(seen.socks) == (scheme == "socks5h" ? ["5 name \(target)"] : []))
        #expect(seen.plain.isEmpty)
        let log = String(decoding: contents(of: program.folder.file("access.log")), as: UTF8.self)
        let version = scheme == "https" ? "HTTP/1.1" : "HTTP/2.0"
        #expect(log.split(separator: "\n").count { $0.hasPrefix(version) } >= 200)
        let rows = String(
            decoding: contents(of: program.folder.file("out/responses-00001.jsonl")), as: UTF8.self)
        // The address of the proxy would be a wrong one.
        #expect(rows.split(separator: "\n").allSatisfy { $0.contains(#""remote_ip":null"#) })
    }

    @Test func plainRequests_goThroughAProxyByTLS() async throws {
        let nginx = try await program.startNginx()  // for its certificate
        defer { nginx.process.kill(SIGKILL) }
        let pem = program.folder.file("both.pem")
        write(
            contents(of: program.folder.file("cert.pem"))
                + contents(of: program.folder.file("key.pem")), to: pem)
        let (origin, proxy) = (try await TestOrigin(), try await TestProxy("--tls", pem))
        try await enqueue(50, "\(origin.url)/{id}")
        let untrusted = try await run("-x", "https://localhost:\(proxy.port)", "--max-stall", "1")
        #expect(untrusted.status == 12 && untrusted.out.contains("do not agree on TLS"))
        let result = try await run(
            "-x", "https://localhost:\(proxy.port)", "--cacert", "cert.pem")
        #expect(result.status == 0, "\(result.out)\(result.err)")
        #expect(try proxy.seen().plain.count == 50 && origin.hits().requests == 50)
    }

    @Test func aRedirect_choosesItsProxyAnew() async throws {
        let nginx = try await program.startNginx()
        defer { nginx.process.kill(SIGKILL) }
        let origin = try await TestOrigin()
        let (first, second) = (try await TestProxy("--user", "u:pw"), try await TestProxy())
        let target = "https%3A%2F%2Flocalhost%3A\(nginx.port)%2F5"
        try await enqueue(10, "\(origin.url)/redirect-to/\(target)/{id}")
        var program = program
        program.environment = [
            "http_proxy": "http://u:pw@\(first.place)", "https_proxy": second.place,
        ]
        let result = try await program.start("runner", ["run", "--cacert", "cert.pem", "-w", "1"])
            .wait()
        #expect(result.status == 0, "\(result.out)\(result.err)")
        #expect(try first.seen().plain.count == 10 && first.seen().connect.isEmpty)
        #expect(try Set(second.seen().connect) == ["localhost:\(nginx.port)"])
        #expect(try second.seen().plain.isEmpty && second.seen().authorization == 0)
        #expect(
            result.err.contains(
                "requests by http go through http://***@\(first.place) (http_proxy)"))
        #expect(
            result.err.contains("requests by https go through http://\(second.place) (https_proxy)")
        )
    }

    // MARK: - The environment

    /// Variables, options, and whether a plain request goes through the proxy (`PROXY`).
    @Test(
        arguments: [
            (["http_proxy": "PROXY"], [], true), (["HTTP_PROXY": "PROXY"], [], false),
            (["https_proxy": "PROXY"], [], false), (["all_proxy": "PROXY"], [], true),
            (["ALL_PROXY": "PROXY"], [], true),
            (["http_proxy": "", "ALL_PROXY": "PROXY"], [], true),
            (["http_proxy": "127.0.0.1:1", "all_proxy": "PROXY"], ["-x", "PROXY"], true),
            (["http_proxy": "PROXY"], ["--no-proxy-env"], false),
            (["http_proxy": "PROXY"], ["-x", ""], false),
            (["http_proxy": "PROXY", "no_proxy": "example.com,127.0.0.0/8"], [], false),
            (["http_proxy": "PROXY", "NO_PROXY": "127.0.0.1"], [], false),
            (["http_proxy": "PROXY", "no_proxy": "*"], ["--noproxy", "example.com"], true),
            (["no_proxy": "127.0.0.1"], ["-x", "PROXY"], false),
            (["no_proxy": "127.0.0.1"], ["-x", "PROXY", "--no-proxy-env"], true),
            ([:], ["-x", "PROXY", "--noproxy", "*"], false),
        ] as [([String: String], [String], Bool)])
    func theEnvironment_isReadAsCurlReadsIt(
        variables: [String: String], options: [String], isProxied: Bool
    ) async throws {
        let (origin, proxy) = (try await TestOrigin(), try await TestProxy())
        try await enqueue(3, "\(origin.url)/{id}")
        var program = program
        program.environment = variables.mapValues { $0 == "PROXY" ? proxy.place : $0 }
        let options = options.map { $0 == "PROXY" ? proxy.place : $0 }
        let result = try await program.start("runner", ["run", "--retries", "0"] + options).wait()
        #expect(result.status == 0, "\(result.out)\(result.err)")
        #expect(try proxy.seen().plain.count == (isProxied ? 3 : 0))
        #expect(try origin.hits().requests == 3)
    }

    @Test func quietRuns_sayNothingOfProxies() async throws {
        let (origin, proxy) = (try await TestOrigin(), try await TestProxy())
        try await enqueue(3, "\(origin.url)/{id}")
        let result = try await run("-q", "-x", proxy.place)
        #expect(result.status == 0 && result.err.isEmpty, "\(result.err)")
    }

    // MARK: - Credentials

    @Test(arguments: ["http", "socks5", "socks5h"], [false, true])
    func credentials_areSent_andStandNowhere(scheme: String, isOption: Bool) async throws {
        let (origin, proxy) = (
            try await TestOrigin(), try await TestProxy("--user", "us@r:s3c:ret")
        )
        try await enqueue(20, "\(origin.url)/{id}")
        let words =
            isOption
            ? ["-x", "\(scheme)://\(proxy.place)", "--proxy-user", "us%40r:s3c:ret"]
            : ["-x", "\(scheme)://us%40r:s3c:ret@\(proxy.place)"]
        let result = try await program.start(
            "runner", ["run", "--output", "out", "--format", "warc", "--output-failures"] + words
        ).wait()
        #expect(result.status == 0, "\(result.out)\(result.err)")
        #expect(try proxy.seen().denied == 0)
        #expect(result.err.contains("go through \(scheme)://***@\(proxy.place)"))
        try await expectNoSecret(["s3c", Data("us@r:s3c:ret".utf8).base64EncodedString()], result)
    }

    @Test(arguments: ["http", "socks5h"])
    func credentialsThatAreWrong_pauseTheRun_andFailNoJob(scheme: String) async throws {
        let (origin, proxy) = (try await TestOrigin(), try await TestProxy("--user", "a:b"))
        try await enqueue(50, "\(origin.url)/{id}")
        for (words, what) in [
            (["-x", "\(scheme)://\(proxy.place)"], "asks for credentials"),
            (["-x", "\(scheme)://us:s3cret@\(proxy.place)"], "refuses the credentials"),
        ] {
            let result = try await program.start("runner", ["run", "--max-stall", "2"] + words)
                .wait()
            #expect(result.status == 12)
            #expect(result.out.contains(what) && result.out.contains(proxy.place), "\(result.out)")
            try await expectNoSecret(["s3cret"], result)
        }
        let jobs = try await program.status().jobs
        #expect(jobs.available == 50 && jobs.retrying == 0, "\(jobs)")
        #expect(try origin.hits().requests == 0)
    }

    private func expectNoSecret(_ secrets: [String], _ result: Program.Result) async throws {
        let status = try await program.runner("status", "--json")
        let export = try await program.runner("export")
        var texts = [result.out, result.err, status.out, export.out]
        let files = try #require(FileManager.default.enumerator(atPath: program.folder.path))
        for case let name as String in files {
            texts.append(
                String(decoding: contents(of: program.folder.file(name)), as: Unicode.ASCII.self))
        }
        for secret in secrets { #expect(!texts.contains { $0.contains(secret) }) }
    }
}
