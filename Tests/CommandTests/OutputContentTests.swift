import Foundation
import TestSupport
import Testing

/// What is in a record: every byte of a body and of its header fields, and each key as
/// docs/OUTPUT.md says.
@Suite(.serialized) struct OutputContentTests {
    private let program = Program()

    /// Runs `path` for these IDs into the folder `out`.
    @discardableResult
    private func fetch(
        _ path: String, jobs: Int = 1, _ origin: TestOrigin, format: OutputFormat = .jsonl,
        _ more: String...
    ) async throws -> Program.Result {
        try await program.enqueue(jobs, origin, path)
        return try await program.start(
            "runner",
            ["run", "--output", "out", "--format", format.rawValue, "--retries", "1"] + more
        ).wait()
    }

    /// The only record, as JSON.
    private func record() throws -> [String: Any] {
        let lines = try program.lines(of: "out/responses-00001.jsonl")
        try #require(lines.count == 1)
        return lines[0]
    }

    /// The only line, with what differs from run to run replaced by `#`.
    private func line(_ file: String = "out/responses-00001.jsonl") throws -> String {
        let text = String(decoding: contents(of: program.folder.file(file)), as: UTF8.self)
        #expect(text.hasSuffix("\n") && text.filter { $0 == "\n" }.count == 1, "\(text)")
        return
            text
            .replacing(/"fetched_at":"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z"/) { _ in
                "\"fetched_at\":#"
            }
            .replacing(/"duration_ms":\d+\.\d{3},/) { _ in "\"duration_ms\":#," }
            .replacing("\n", with: "")
    }

    private func body(of record: [String: Any]) throws -> [UInt8] {
        if let text = record["body"] as? String {
            #expect(record["body_base64"] == nil)
            return Array(text.utf8)
        }
        let text = try #require(record["body_base64"] as? String)
        let bytes = Array(try #require(Data(base64Encoded: text)))
        #expect(String(validating: bytes, as: UTF8.self) == nil, "UTF-8 in base 64")
        return bytes
    }

    private func percentEncoded(_ bytes: [UInt8]) -> String {
        bytes.map { "%" + ($0 < 16 ? "0" : "") + String($0, radix: 16) }.joined()
    }

    // MARK: - Whole records

    @Test func aCompletedJobsLine_isAsDocumented() async throws {
        let origin = try await TestOrigin()
        #expect(try await fetch("bytes/hello/{id}", origin).status == 0)
        #expect(
            try line() == """
                {"id":0,"batch":1,"state":"completed","url":"\(origin.url)/bytes/hello/0",\
                "method":"GET","status":200,"outcome":"200","attempts":1,"fetched_at":#,\
                "duration_ms":#,"remote_ip":"127.0.0.1","http_version":"1.1",\
                "headers":[["Content-Type","text/plain"],["X-ID","0"],["Content-Length","5"]],\
                "body_bytes":5,"body":"hello"}
                """)
    }

    @Test func aLineInBase64_isAsDocumented() async throws {
        let origin = try await TestOrigin()
        #expect(try await fetch("bytes/%FF%00/{id}", origin).status == 0)
        #expect(try line().hasSuffix(#","body_bytes":2,"body_base64":"/wA="}"#))
    }

    @Test func aLineOfTheFilesFormat_isAsDocumented() async throws {
        let origin = try await TestOrigin()
        #expect(try await fetch("bytes/hello/{id}", origin, format: .files).status == 0)
        #expect(
            try line("out/index.jsonl") == """
                {"id":0,"batch":1,"state":"completed","url":"\(origin.url)/bytes/hello/0",\
                "method":"GET","status":200,"outcome":"200","attempts":1,"fetched_at":#,\
                "duration_ms":#,"remote_ip":"127.0.0.1","http_version":"1.1",\
                "headers":[["Content-Type","text/plain"],["X-ID","0"],["Content-Length","5"]],\
                "body_bytes":5,"file":"bodies/1/0/000/0","sha256":\
                "2cf24dba5fb0a30e26e83b2ac5b9e29e1b161e5c1fa7425e73043362938b9824"}
                """)
        #expect(try program.tree()["bodies/1/0/000/0"] == Array("hello".utf8))
    }

    @Test func aRedirectedJobsLine_saysWhereItCameFrom() async throws {
        let origin = try await TestOrigin()
        #expect(try await fetch("redirect/2/{id}", origin).status == 0)
        #expect(
            try line() == """
                {"id":0,"batch":1,"state":"completed","url":"\(origin.url)/redirect/2/0",\
                "final_url":"\(origin.url)/redirect/0/0",\
                "redirects":[{"url":"\(origin.url)/redirect/2/0","status":302},\
                {"url":"\(origin.url)/redirect/1/0","status":302}],\
                "method":"GET","status":200,"outcome":"200","attempts":1,"fetched_at":#,\
                "duration_ms":#,"remote_ip":"127.0.0.1","http_version":"1.1",\
                "headers":[["Content-Type","text/plain"],["Content-Length","3"]],\
                "body_bytes":3,"body":"OK\\n"}
                """)
    }

    @Test func attemptsAreCounted() async throws {
        let origin = try await TestOrigin()
        #expect(try await fetch("flaky/2/503/{id}", origin).status == 0)
        #expect(try record()["attempts"] as? Int == 2)
        #expect(try record()["status"] as? Int == 200)
    }

    @Test func fetchedAt_isNow() async throws {
        let origin = try await TestOrigin()
        let before = Date()
        #expect(try await fetch("delay/150/{id}", origin).status == 0)
        let record = try record()
        let text = try #require(record["fetched_at"] as? String)
        let style = Date.ISO8601FormatStyle(includingFractionalSeconds: true)
        let date = try style.parse(text)
        #expect(date >= before.addingTimeInterval(-0.002) && date <= Date(), "\(text)")
        let duration = try #require(record["duration_ms"] as? Double)
        #expect(duration >= 150 && duration < 60_000)
    }

    // MARK: - Failures

    @Test func failures_haveARecordOnlyWhenAskedFor() async throws {
        let origin = try await TestOrigin()
        #expect(try await fetch("status/404/{id}", origin).status == 1)
        let files = try program.tree().values.filter { !$0.isEmpty }
        #expect(files.isEmpty)
        try await program.expectVerified()
    }

    @Test func anAnswerThatFails_isRecordedWithItsStatus() async throws {
        let origin = try await TestOrigin()
        #expect(try await fetch("status/404/{id}", origin, "--output-failures").status == 1)
        let line = try line().replacing(/"body_bytes":\d+/) { _ in "\"body_bytes\":#" }
        #expect(
            line == """
                {"id":0,"batch":1,"state":"failed","url":"\(origin.url)/status/404/0",\
                "method":"GET","status":404,"outcome":"404","attempts":1,"fetched_at":#,\
                "duration_ms":#,"remote_ip":"127.0.0.1","http_version":"1.1",\
                "headers":[["Content-Type","text/plain"],["Content-Length","10"]],"body_bytes":#,\
                "body":"Not Found\\n"}
                """)
        try await program.expectVerified()
    }

    @Test func aTimeout_isRecordedWithItsReason() async throws {
        let origin = try await TestOrigin()
        let result = try await fetch(
            "silent/{id}", origin, "--output-failures", "--max-time", "0.2")
        #expect(result.status == 1)
        let record = try record()
        #expect(record["state"] as? String == "failed")
        #expect(record["outcome"] as? String == "timeout")
        #expect(record["status"] is NSNull && record["http_version"] is NSNull)
        #expect(record["remote_ip"] as? String == "127.0.0.1")
        #expect((record["headers"] as? [Any])?.isEmpty == true)
        #expect(record["attempts"] as? Int == 2)
        #expect(record["body"] == nil && record["body_base64"] == nil)
        let error = try #require(record["error"] as? String)
        #expect(error.lowercased().contains("time"), "\(error)")
    }

    /// Some of it came, which is no body.
    @Test func anAnswerThatBreaksOff_isRecordedWithoutBody() async throws {
        let origin = try await TestOrigin()
        let result = try await fetch("cut-body/{id}", origin, "--output-failures")
        #expect(result.status == 1)
        let record = try record()
        #expect(record["outcome"] as? String == "reset" && record["status"] as? Int == 200)
        #expect(record["body_bytes"] as? Int == 500)
        #expect(record["body"] == nil && record["error"] is String)
    }

    @Test func errors_nameNoPasswords() async throws {
        let url = "http://user:secret@127.0.0.1:1/{id}"
        let queued = try await program.runner("enqueue", "--range", "0..1", "--url", url)
        #expect(queued.status == 0, "\(queued.err)")
        let result = try await program.run(.jsonl, "--output-failures", "--retries", "0")
        #expect(result.status == 1, "\(result.err)")
        #expect(try record()["error"] is String)
        #expect(try !line().contains("secret"))
    }

    @Test func aRefusedConnection_isRecordedWithoutAnAddress() async throws {
        let origin = try await TestOrigin()
        try await program.runner("enqueue", "--range", "0..1", "--url", "http://127.0.0.1:1/{id}")
            .expectSuccess()
        let result = try await program.run(.jsonl, "--output-failures", "--retries", "0")
        #expect(result.status == 1, "\(result.err)")
        let record = try record()
        #expect(record["outcome"] as? String == "connect")
        #expect(record["remote_ip"] is NSNull && record["status"] is NSNull)
        #expect((record["error"] as? String)?.contains("127.0.0.1") == true)
        _ = origin
    }

    /// A 404 with a body, in each format, and what `verify` and other readers make of it.
    @Test(arguments: OutputFormat.allCases)
    func failuresAndSuccesses_areEachRecordedOnce(format: OutputFormat) async throws {
        let origin = try await TestOrigin()
        let moved = "redirect-from/30/%2Fstatus%2F404%2F7/{id}"
        #expect(
            try await fetch(moved, jobs: 50, origin, format: format, "--output-failures").status
                == 1)
        try await program.expectVerified()
        try await program.checkOutput(
            format, jobs: 50, more: ["--body", "any", "--failed", "20"])
    }

    @Test func verify_findsABodyOfAFailure_thatChanged() async throws {
        let origin = try await TestOrigin()
        let result = try await fetch("status/404/{id}", origin, format: .files, "--output-failures")
        #expect(result.status == 1)
        try await program.expectVerified()
        let names = try FileManager.default.contentsOfDirectory(
            atPath: program.folder.file("out/bodies/1/0/000"))
        let name = try #require(names.first { $0.hasPrefix("0-") })
        let body = program.folder.file("out/bodies/1/0/000/\(name)")
        #expect(contents(of: body) == Array("Not Found\n".utf8))
        write(Array("Not found\n".utf8), to: body)
        let verified = try await program.runner("verify")
        #expect(verified.status == 3 && verified.out.contains("SHA-256 differs"), "\(verified.out)")
    }

    // MARK: - Bodies

    /// Bodies that are hard to keep, and whether they are UTF-8.
    static let bodies: [(bytes: [UInt8], isText: Bool)] = [
        ([], true),
        ([0], true),
        (Array(0...0x1F) + [0x22, 0x5C, 0x2F, 0x7F], true),
        (Array(0...0xFF), false),
        (Array("\u{2028}\u{2029}\u{85}\u{FEFF}\u{FFFD}\u{FFFE}\u{10FFFF}".utf8), true),
        (Array("{\"a\":\"\\u0000\"}\r\n".utf8), true),
        ([0xED, 0xA0, 0x80], false), ([0xED, 0x9F, 0xBF], true), ([0xEE, 0x80, 0x80], true),
        ([0xC0, 0xAF], false), ([0xE0, 0x80, 0xAF], false), ([0xF4, 0x90, 0x80, 0x80], false),
        ([0xF4, 0x8F, 0xBF, 0xBF], true), ([0xF0, 0x8F, 0xBF, 0xBF], false),
        ([0xE2, 0x82], false), ([0x61, 0xF0, 0x9F, 0x98], false), ([0x80], false),
        ([0xFE], false), ([0xFF, 0xFE, 0x41, 0x00], false),
    ]

    /// A quirk at every place of a word and of a vector register must be seen.
    @Test func anIllFormedByte_isFoundAtEveryPlace() async throws {
        let origin = try await TestOrigin()
        for place in 0..<70 {
            var bytes = Array(repeating: UInt8(ascii: "a"), count: 70)
            bytes[place] = 0xFF
            try await program.enqueue(1, origin, "bytes/\(percentEncoded(bytes))/{id}")
        }
        let result = try await program.run(.jsonl)
        #expect(result.status == 0, "\(result.err)")
        let lines = try program.lines(of: "out/responses-00001.jsonl")
        #expect(lines.count == 70)
        for record in lines {
            let place = try #require(record["batch"] as? Int) - 1
            let bytes = try body(of: record)
            #expect(bytes.count == 70 && bytes.firstIndex(of: 0xFF) == place)
        }
    }

    @Test(arguments: [OutputFormat.jsonl, .jsonlGzip])
    func everyBody_comesBackByteForByte(format: OutputFormat) async throws {
        let origin = try await TestOrigin()
        for body in Self.bodies {
            try await program.enqueue(1, origin, "bytes/\(percentEncoded(body.bytes))/{id}")
        }
        let result = try await program.run(format)
        #expect(result.status == 0, "\(result.err)")
        if format == .jsonlGzip {
            let unpack = "gzip -dc out/*.gz >out/responses-00001.jsonl"
            try await program.shell(unpack, []).expectSuccess()
        }
        let lines = try program.lines(of: "out/responses-00001.jsonl")
        #expect(lines.count == Self.bodies.count)
        for record in lines {
            let expected = Self.bodies[try #require(record["batch"] as? Int) - 1]
            let bytes = try body(of: record)
            #expect(bytes == expected.bytes)
            #expect((record["body"] != nil) == expected.isText, "\(expected.bytes)")
            #expect(record["body_bytes"] as? Int == expected.bytes.count)
        }
    }

    /// Not asked of Foundation, whose reader of JSON takes it off.
    @Test func aByteOrderMark_staysAtTheBeginning() async throws {
        let origin = try await TestOrigin()
        #expect(try await fetch("bytes/%EF%BB%BFhi/{id}", origin).status == 0)
        let line = contents(of: program.folder.file("out/responses-00001.jsonl"))
        let end = Array("\"body_bytes\":5,\"body\":\"\u{FEFF}hi\"}\n".utf8)
        #expect(line.suffix(end.count).elementsEqual(end))
    }

    @Test(arguments: OutputFormat.allCases)
    func mixedBodies_areKeptWhole(format: OutputFormat) async throws {
        let origin = try await TestOrigin()
        try await program.enqueue(700, origin)
        let result = try await program.run(format, "--rotate-size", "2M")
        #expect(result.status == 0, "\(result.err)")
        try await program.expectPerfect(format, jobs: 700, more: ["--queue", "runner.db"])
    }

    @Test(arguments: [OutputFormat.jsonl, .jsonlGzip])
    func noBody_leavesBodiesOut(format: OutputFormat) async throws {
        let origin = try await TestOrigin()
        let result = try await fetch("mixed/{id}", jobs: 50, origin, format: format, "--no-body")
        #expect(result.status == 0, "\(result.err)")
        try await program.expectVerified()
        try await program.checkOutput(format, jobs: 50, more: ["--body", "none"])
    }

    /// What these formats are for is the body.
    @Test(arguments: [OutputFormat.warc, .files])
    func noBody_isRefused_whereItMakesNoSense(format: OutputFormat) async throws {
        let origin = try await TestOrigin()
        let result = try await fetch("mixed/{id}", origin, format: format, "--no-body")
        result.expectStop(2, "--no-body", format.rawValue)
        #expect(try origin.hits().requests == 0)
    }

    // MARK: - Large bodies

    @Test func aCutBody_isTheBeginning_andSaysSo() async throws {
        let origin = try await TestOrigin()
        let result = try await fetch(
            "body/5000/{id}", origin, "--max-body", "1000", "--on-large", "cut")
        #expect(result.status == 0, "\(result.err)")
        #expect(try line().contains(#","body_bytes":1000,"truncated":true,"body":"0\n0\n"#))
        #expect(try body(of: record()) == Array(String(repeating: "0\n", count: 500).utf8))
    }

    @Test func aBodyCutWithinACharacter_isInBase64() async throws {
        let origin = try await TestOrigin()
        let bytes = Array(String(repeating: "\u{E9}", count: 20).utf8)
        let result = try await fetch(
            "bytes/\(percentEncoded(bytes))/{id}", origin, "--max-body", "13", "--on-large", "cut")
        #expect(result.status == 0, "\(result.err)")
        #expect(try record()["truncated"] as? Bool == true)
        #expect(try body(of: record()) == Array(bytes[..<13]))
    }

    /// A body of just the limit is whole.
    @Test(arguments: [("body", 999), ("body", 1000), ("chunked", 1000), ("gzip", 1000)])
    func aBodyWithinTheLimit_isWhole(path: String, bytes: Int) async throws {
        let origin = try await TestOrigin()
        let result = try await fetch(
            "\(path)/\(bytes)/{id}", origin, "--max-body", "1000", "--on-large", "cut")
        #expect(result.status == 0, "\(result.err)")
        #expect(try record()["truncated"] == nil)
        #expect(try record()["body_bytes"] as? Int == bytes)
    }

    @Test(arguments: ["body", "chunked", "gzip"])
    func aBodyPastTheLimit_isCutInAllFormats(path: String) async throws {
        let origin = try await TestOrigin()
        let bytes = path == "gzip" ? 1_000_000 : 5000
        for (number, format) in [OutputFormat.jsonl, .jsonlGzip, .files].enumerated() {
            try await program.enqueue(1, origin, "\(path)/\(bytes)/{id}")
            let result = try await program.run(format, "--max-body", "1000", "--on-large", "cut")
            #expect(result.status == 0, "\(result.err)")
            #expect(try await program.status().jobs.completed == number + 1)
            try await program.expectVerified("\(format)")
        }
        #expect(try record()["truncated"] as? Bool == true)
        #expect(try program.tree()["bodies/3/0/000/0"]?.count == 1000)
        let index = try #require(
            program.tree().first { $0.key.hasPrefix("index") && !$0.value.isEmpty })
        let line = String(decoding: index.value, as: UTF8.self)
        #expect(line.contains(#","body_bytes":1000,"truncated":true,"file":"#), "\(line)")
    }

    @Test func mixedBodies_areCutToTheirBeginnings() async throws {
        let origin = try await TestOrigin()
        for (format, batch) in [(OutputFormat.warc, 1), (.jsonl, 2)] {
            try await program.enqueue(100, origin)
            let result = try await program.run(format, "--max-body", "4000", "--on-large", "cut")
            #expect(result.status == 0, "\(result.err)")
            try await program.expectVerified("\(batch)")
        }
        let summary = try await program.checkOutput(.warc, .jsonl, jobs: 100, 100)
        #expect(summary.truncated > 20)
    }

    @Test func aLargeBodyFails_whenThatIsAskedFor() async throws {
        let origin = try await TestOrigin()
        let result = try await fetch(
            "body/5000/{id}", origin, "--max-body", "1000", "--on-large", "fail",
            "--output-failures")
        #expect(result.status == 1, "\(result.err)")
        #expect(try record()["outcome"] as? String == "too_large")
        #expect(try record()["truncated"] == nil && record()["body"] == nil)
    }

    // MARK: - Header fields

    private static func latin1(_ bytes: some Sequence<UInt8>) -> String {
        String(String.UnicodeScalarView(bytes.map { Unicode.Scalar($0) }))
    }

    /// As the origin's /odd-fields sends them.
    private static let oddFields: [[String]] = [
        ["X-High", latin1(0x80...0xFF)],
        [
            "X-Control",
            latin1(Array(0x01...0x08) + [0x0B, 0x0C] + Array(0x0E...0x1F) + [0x7F]),
        ],
        ["X-Printable", latin1(0x21...0x7E)],
        ["X-Empty", ""], ["X-Blank", ""], ["Set-Cookie", "a=1; Path=/"], ["x-lower", "Between"],
        ["SET-COOKIE", "b=2"], ["Set-Cookie", "a=1; Path=/"],
        ["X-Inner", "two  spaces\tand a tab"],
        ["X-UTF8", latin1(Array("\u{E9}\u{6F22}\u{1F600}".utf8))], ["X-Colon", "a:b"],
        ["X-Fold", "first second"], ["X-ID", "0"], ["Content-Length", "3"],
    ]

    @Test func headerFields_areKept_byteForByte_andInOrder() async throws {
        let origin = try await TestOrigin()
        let result = try await fetch("odd-fields/{id}", origin)
        #expect(result.status == 0, "\(result.err)")
        let fields = try #require(try record()["headers"] as? [[String]])
        #expect(fields.map { $0[0] } == Self.oddFields.map { $0[0] })
        for (field, expected) in zip(fields, Self.oddFields) {
            #expect(Array(field[1].utf8) == Array(expected[1].utf8), "\(field[0])")
        }
    }

    @Test func headerFields_areInTheWARC_asTheyCame() async throws {
        let origin = try await TestOrigin()
        let result = try await fetch("odd-fields/{id}", origin, format: .warc)
        #expect(result.status == 0, "\(result.err)")
        try await program.shell("gzip -dc out/responses-00001.warc.gz >plain", []).expectSuccess()
        let plain = contents(of: program.folder.file("plain"))
        for part in [
            Array("\r\nX-High: ".utf8) + Array(0x80...0xFF) + Array("\r\n".utf8),
            Array("\r\nSet-Cookie: a=1; Path=/\r\nx-lower: Between\r\nSET-COOKIE: b=2\r\n".utf8),
            Array("\r\nX-Colon:a:b\r\nX-Fold: first\r\n second\r\n".utf8),
        ] {
            #expect(plain.firstRange(of: part) != nil, "\(String(decoding: part, as: UTF8.self))")
        }
        try await program.checkOutput(.warc, jobs: 1, more: ["--body", "any"])
    }

    // MARK: - WARC

    /// The request of a record is made up from what was asked for; it must be what was sent.
    @Test(arguments: [
        "/{id}", "/a%20b/{id}?x={id}&y=%C3%A9", "?q={id}", "/{id}#part", "/./a/../{id}",
    ])
    func aWARCRequest_isWhatTheServerGot(path: String) async throws {
        let server = OneAnswerServer(
            answer: "HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: close\r\n\r\nhi")
        let url = "http://127.0.0.1:\(server.port)\(path)"
        try await program.runner("enqueue", "--range", "7..8", "--url", url).expectSuccess()
        let result = try await program.run(.warc)
        #expect(result.status == 0, "\(result.err)")
        try await program.shell("gzip -dc out/responses-00001.warc.gz >plain", []).expectSuccess()
        let plain = String(decoding: contents(of: program.folder.file("plain")), as: UTF8.self)
        let request = try #require(server.requests.first)
        #expect(plain.contains("\r\n\r\n" + request + "\r\n\r\n"), "\(request)\(plain)")
    }

    @Test func credentialsOfARedirectedURL_areNotArchived() async throws {
        let origin = try await TestOrigin()
        let url = "http://user:s3cret@127.0.0.1:\(origin.port)/redirect/2/{id}"
        #expect(try await program.runner("enqueue", "--range", "0..1", "--url", url).status == 0)
        let result = try await program.run(.warc)
        #expect(result.status == 0, "\(result.err)")
        try await program.shell("gzip -dc out/responses-00001.warc.gz >plain", []).expectSuccess()
        let plain = String(decoding: contents(of: program.folder.file("plain")), as: UTF8.self)
        #expect(plain.contains("Runner-URL: ") && !plain.contains("s3cret"))
    }

    @Test func credentialsOfTheURL_areNotArchived() async throws {
        let origin = try await TestOrigin()
        let url = "http://user:s3cret@127.0.0.1:\(origin.port)/{id}"
        #expect(try await program.runner("enqueue", "--range", "0..1", "--url", url).status == 0)
        let result = try await program.run(.warc)
        #expect(result.status == 0, "\(result.err)")
        try await program.shell("gzip -dc out/responses-00001.warc.gz >plain", []).expectSuccess()
        let plain = String(decoding: contents(of: program.folder.file("plain")), as: UTF8.self)
        #expect(!plain.contains("s3cret"))
        // What the header of Basic authentication would say.
        #expect(!plain.contains(Data("user:s3cret".utf8).base64EncodedString()))
        #expect(plain.contains("WARC-Target-URI: http://127.0.0.1:\(origin.port)/0\r\n"))
    }

    @Test func aRedirectedWARCRecord_namesBothURLs() async throws {
        let origin = try await TestOrigin()
        let result = try await fetch("redirect/2/{id}", origin, format: .warc)
        #expect(result.status == 0, "\(result.err)")
        try await program.shell("gzip -dc out/responses-00001.warc.gz >plain", []).expectSuccess()
        let plain = String(decoding: contents(of: program.folder.file("plain")), as: UTF8.self)
        #expect(plain.contains("\r\nWARC-Target-URI: \(origin.url)/redirect/0/0\r\n"))
        #expect(plain.contains("\r\nRunner-URL: \(origin.url)/redirect/2/0\r\n"))
        for (hop, left) in [(1, 2), (2, 1)] {
            #expect(plain.contains("\r\nRunner-Hop: \(hop)\r\n"))
            #expect(plain.contains("\r\nWARC-Target-URI: \(origin.url)/redirect/\(left)/0\r\n"))
        }
        #expect(plain.components(separatedBy: "HTTP/1.1 302").count == 3)
    }
}
