import Foundation
import TestSupport
import Testing

/// Methods, headers and bodies arrive as they were given, and secrets stay where they belong.
@Suite struct RequestContentTests {
    private let program = Program()

    // MARK: - As given

    @Test func headers_arriveAsGiven() async throws {
        let origin = try await EchoOrigin()
        let records = try await origin.records(
            in: program, range: "8..10", path: "/a/{id:03}?b={id}",
            [
                "-H", "X-Number: n{id}-{id:04}", "-H", "x-twice: 1", "-H", "X-Twice: 2", "-H",
                "Accept:", "-H", "X-Empty;", "-H", "X-Braces: {other} {}", "-A", "agent/1", "-b",
                "a=b; c=d", "-u", "joe:pä{id}",
            ])
        let requests = try records.map { try $0.request }
        #expect(requests.map(\.method) == ["GET", "GET"])
        #expect(requests.map(\.target) == ["/a/008?b=8", "/a/009?b=9"])
        let request = try #require(requests.last)
        #expect(request.values("X-Number") == ["n9-0009"])
        #expect(request.values("X-Twice") == ["1", "2"])
        #expect(request.values("Accept") == [] && request.values("X-Empty") == [""])
        #expect(request.values("X-Braces") == ["{other} {}"])
        #expect(request.values("User-Agent") == ["agent/1"])
        #expect(request.values("Cookie") == ["a=b; c=d"])
        let credentials = Data("joe:pä9".utf8).base64EncodedString()
        #expect(request.values("Authorization") == ["Basic \(credentials)"])
    }

    @Test(arguments: ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "PURGE"])
    func method_arrives_withoutABody(method: String) async throws {
        let origin = try await EchoOrigin()
        let record = try #require(
            try await origin.records(in: program, ["-X", method]).first)
        #expect(record.method == method && record.status == 200)
        guard method != "HEAD" else { return #expect(record.body == "") }
        let request = try record.request
        #expect(request.method == method && request.body.isEmpty)
        #expect(request.values("Content-Type") == [])
        let says = ["POST", "PUT", "PATCH"].contains(method) ? ["0"] : []
        #expect(request.values("Content-Length") == says)
    }

    @Test func bodies_arriveByteForByte() async throws {
        let origin = try await EchoOrigin()
        let bytes = (0..<300_000).map { UInt8(truncatingIfNeeded: $0 * 7 + $0 >> 8) }
        write(bytes, to: program.folder.file("bytes"))
        write(Array("one=1\r\ntwo=2\n".utf8), to: program.folder.file("form"))
        let form = "application/x-www-form-urlencoded"
        let cases: [([String], String, String, [UInt8])] = [
            (["-d", "a={id}", "-d", "b={}"], "POST", form, Array("a=7&b={}".utf8)),
            (["-d", "@form"], "POST", form, Array("one=1two=2".utf8)),
            (
                ["--json-body", #"{"id": {id}, "x": {}}"#, "-X", "PUT"], "PUT", "application/json",
                Array(#"{"id": 7, "x": {}}"#.utf8)
            ),
            (
                ["--data-binary", "@bytes", "-H", "Content-Type: a/b"], "POST", "a/b", bytes
            ),
            (
                ["--data-binary", "@form", "-X", "DELETE"], "DELETE", form,
                Array("one=1\r\ntwo=2\n".utf8)
            ),
            (["-d", ""], "POST", form, []),
        ]
        for (arguments, method, type, body) in cases {
            let program = Program(in: program.folder)
            try? FileManager.default.removeItem(atPath: program.folder.file("runner.db"))
            try? FileManager.default.removeItem(atPath: program.folder.file("out"))
            let record = try #require(try await origin.records(in: program, arguments).first)
            let request = try record.request
            #expect(request.method == method && record.method == method, "\(arguments)")
            #expect(request.body == Data(body), "\(arguments)")
            #expect(request.values("Content-Type") == [type], "\(arguments)")
            #expect(request.values("Content-Length") == ["\(body.count)"])
            #expect(request.values("Expect") == [])
        }
    }

    @Test func bodies_arriveByHTTPS() async throws {
        try await program.makeCertificate()
        let origin = try await EchoOrigin(
            "--tls", program.folder.file("cert.pem"), program.folder.file("key.pem"))
        write(Array(repeating: UInt8(ascii: "x"), count: 200_000), to: program.folder.file("body"))
        let url = "https://localhost:\(origin.port)/{id}"
        try await program.runner(
            "enqueue", "--range", "0..20", "--url", url, "--data-binary", "@body"
        ).expectSuccess()
        try await program.runner(
            "run", "-q", "--output", "out", "--cacert", "cert.pem", "-w", "4"
        ).expectSuccess()
        let records = try program.records()
        #expect(records.count == 20)
        for record in records { #expect(try record.request.body.count == 200_000) }
    }

    // MARK: - On the way

    @Test(arguments: [
        (301, "POST", "GET"), (302, "POST", "GET"), (303, "PUT", "GET"), (307, "POST", "POST"),
        (308, "PUT", "PUT"), (302, "PUT", "PUT"),
    ])
    func redirects_changeTheMethod(status: Int, from: String, to: String) async throws {
        let origin = try await EchoOrigin()
        let record = try #require(
            try await origin.records(
                in: program, path: "/redirect/\(status)/{id}",
                ["-X", from, "-d", "x", "-H", "X-Own: 1", "-b", "a=b"]
            ).first)
        let request = try record.request
        #expect(record.method == from && request.method == to)
        #expect(request.body == Data((to == "GET" ? "" : "x").utf8))
        #expect(request.values("Content-Type").count == (to == "GET" ? 0 : 1))
        #expect(request.values("X-Own") == ["1"] && request.values("Cookie") == ["a=b"])
    }

    @Test func redirects_takeNoSecretsToAnotherOrigin() async throws {
        let origin = try await EchoOrigin()
        var program = program
        program.environment["TOKEN"] = "s3cret"
        let record = try #require(
            try await origin.records(
                in: program, path: "/redirect-away/307/{id}",
                [
                    "-H", "Authorization: x", "-b", "a=b", "-H", "X-Own: 1", "--expand-env", "-H",
                    "X-Token: $TOKEN",
                ]
            ).first)
        let request = try record.request
        #expect(request.values("Authorization") == [] && request.values("Cookie") == [])
        // Each value may refer to the environment, so each is a secret.
        #expect(request.values("X-Token") == [] && request.values("X-Own") == [])
    }

    /// "A user agent MUST NOT automatically retry a request with a non-idempotent method" (RFC
    /// 9110, 9.2.2), not even where libcurl took a connection that was closed.
    @Test(arguments: ["POST", "GET"])
    func requestsCutOnAUsedConnection_areSentAgain_onlyIfIdempotent(method: String) async throws {
        let origin = try await EchoOrigin()
        try await program.start(
            "runner",
            ["enqueue", "--range", "0..2", "--url", origin.url + "/cut/{id}", "-X", method]
        ).wait().expectSuccess()
        let result = try await program.runner("run", "-q", "-w", "1", "--retries", "0")
        let counts = try #require(httpGet(port: origin.port, "/_/cut"))
        // The second is cut; where it may be, it is sent again on a new connection, and answered.
        #expect(result.status == (method == "GET" ? 0 : 1))
        #expect(counts.contains("\"\(method)\": \(method == "GET" ? 3 : 2)"), "\(counts)")
    }

    // MARK: - Secrets

    @Test(arguments: ["jsonl", "jsonl.gz", "files", "warc"])
    func secretsByReference_areInNoFile(format: String) async throws {
        let origin = try await EchoOrigin()
        var program = program
        program.environment["TOKEN"] = "s3cret-of-env"
        write(Array("X-File: s3cret-of-file\n".utf8), to: program.folder.file("headers"))
        try await program.start(
            "runner",
            [
                "enqueue", "--range", "0..3", "--url", origin.url + "/quiet/{id}", "--expand-env",
                "-H",
                "Authorization: Bearer $TOKEN", "-H", "@headers",
            ]
        ).wait().expectSuccess()
        let run = try await program.start(
            "runner", ["run", "--output", "out", "--format", format]
        ).wait()
        #expect(run.status == 0, "\(run.err)")
        let export = try await program.runner("export", "--format", "jsonl")
        let status = try await program.runner("status", "--json")
        for text in [run.out, run.err, export.out, status.out] { #expect(!text.contains("s3cret")) }
        try FileManager.default.removeItem(atPath: program.folder.file("headers"))
        for name in try program.files().keys {
            let tool = name.hasSuffix(".gz") ? "/usr/bin/zcat" : "/usr/bin/cat"
            let text = try await program.start(tool, [name]).wait().out
            #expect(!text.contains("s3cret"), "\(name)")
            #expect(text.contains("Authorization: [redacted]") == name.contains(".warc"))
        }
    }

    @Test func aMissingReference_isRefused_beforeTheFirstRequest() async throws {
        let origin = try await EchoOrigin()
        for arguments in [["-H", "X: $MISSING", "--expand-env"], ["-H", "@headers"]] {
            try? FileManager.default.removeItem(atPath: program.folder.file("runner.db"))
            write(Array("X: y\n".utf8), to: program.folder.file("headers"))
            try await program.start(
                "runner", ["enqueue", "--range", "0..3", "--url", origin.url + "/{id}"] + arguments
            ).wait().expectSuccess()
            try? FileManager.default.removeItem(atPath: program.folder.file("headers"))
            let run = try await program.runner("run", "--output", "out")
            run.expectRefusal(
                2, arguments.count == 3 ? "MISSING" : "headers",
                arguments.count == 3 ? "export MISSING" : "put it back")
            #expect(try await program.jobs()["available"] == 3)
            #expect(!FileManager.default.fileExists(atPath: program.folder.file("out")))
        }
    }

    @Test func headersOfTheRun_takeThePlaceOfTheBatchs() async throws {
        let origin = try await EchoOrigin()
        let request = try #require(
            try await origin.records(
                in: program, ["-H", "X-A: batch", "-H", "X-B: batch"],
                run: ["-H", "x-a: run", "-A", "me"]
            ).first
        ).request
        #expect(request.values("X-A") == ["run"] && request.values("X-B") == ["batch"])
        #expect(request.values("User-Agent") == ["me"])
    }

    @Test func secretsAsText_areKept_andSaidSo() async throws {
        let result = try await program.runner(
            "enqueue", "--range", "0..3", "--url", "http://h/{id}", "-b", "a=b")
        #expect(result.status == 0)
        #expect(result.err.contains("Cookie is kept in the queue as text"))
        #expect(try await program.runner("enqueue", "--range", "0..3", "-H", "X: y").err == "")
    }

    // MARK: - Refused

    @Test(arguments: [
        (["-H", "no colon"], "'no colon' is not a header", "Name: value"),
        (["-H", "a b: c"], "'a b' is not the name", "Name: value"),
        (["-H", "X: a\nY: b"], "line break", "take it out"),
        (["-H", "Content-Length: 5"], "'Content-Length' is set", "leave it out"),
        (["-H", "@missing"], "'missing' cannot be found", "-H @FILE"),
        (["-H", "Host: a", "-H", "host: b"], "more than one header 'Host'", "keep one"),
        (["-X", "GET IT"], "'GET IT' is not a method", "POST"),
        (["-X", "CONNECT"], "CONNECT", "another method"),
        (["-X", "HEAD", "-d", "x"], "HEAD request has no body", "another method"),
        (["-d", "x", "--json-body", "{}"], "one body", "choose one"),
        (["--data-binary", "@missing"], "'missing' cannot be read", "after @"),
        (["-u", "joe"], "'joe' has no password", "user:password"),
    ])
    func enqueue_isRefused(_ arguments: [String], names: String, cure: String) async throws {
        let result = try await program.start(
            "runner", ["enqueue", "--range", "0..5", "--url", "http://h/{id}"] + arguments
        ).wait()
        result.expectRefusal(2, names, cure)
        #expect(try program.files().isEmpty)
    }

    @Test(arguments: [
        ("0001..0100", "{id}", false), ("0001..0100", "{id:04}", true), ("0..9", "{id}", true),
    ])
    func zerosInFront_areAskedAbout(range: String, placeholder: String, passes: Bool) async throws {
        let result = try await program.runner(
            "enqueue", "--range", range, "--url", "http://h/\(placeholder)")
        if passes { return result.expectSuccess() }
        result.expectRefusal(2, "zeros in front", "{id:04}")
    }
}
