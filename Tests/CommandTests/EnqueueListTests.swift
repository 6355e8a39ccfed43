import Foundation
import TestSupport
import Testing

/// `runner enqueue` with lists: what becomes a job, what does not, and that it is all or nothing.
@Suite struct EnqueueListTests {
    private let program = Program()

    private func file(_ name: String, _ text: String) {
        write(Array(text.utf8), to: program.folder.file(name))
    }

    private func enqueue(_ arguments: String...) async throws -> Program.Result {
        try await program.start("runner", ["enqueue"] + arguments).wait()
    }

    /// The rows of `export` without the header.
    private func rows() async throws -> [String] {
        let result = try await program.runner("export")
        result.expectSuccess()
        return result.out.split(separator: "\n").dropFirst().map(String.init)
    }

    // MARK: - What becomes a job

    @Test func lines_areURLs() async throws {
        file("urls.txt", "\u{FEFF}http://h/a\r\n\n# no\n  https://u:p@h/b?c#d\t\nhttp://h/last")
        let result = try await enqueue("urls.txt")
        result.expectSuccess()
        #expect(
            result.out
                == "queued 3 jobs of urls.txt, IDs 0..<3, as batch 1 in runner.db (2 blank lines and comments)\n"
        )
        let urls = try await rows().map {
            $0.split(separator: ",", omittingEmptySubsequences: false)[2]
        }
        #expect(urls.sorted() == ["http://h/a", "http://h/last", "https://h/b?c#d"])
        try await program.expectVerified()
    }

    @Test func lines_areValuesOfATemplate() async throws {
        file("skus", "a/b\nü\nx y?\n")
        try await enqueue("skus", "--url", "http://h/{}?n={id}").expectSuccess()
        #expect(
            try await rows() == [
                "0,1,http://h/a%2Fb?n=0,available,,", "1,1,http://h/%C3%BC?n=1,available,,",
                "2,1,http://h/x%20y%3F?n=2,available,,",
            ])
    }

    @Test func columns_makeURLs_keys_andBodies() async throws {
        let origin = try await EchoOrigin()
        file("shops.csv", "sku;land;name\n1;de;\"M\"\"x\"\n22;fr;y\n")
        try await enqueue(
            "shops.csv", "--url", "\(origin.url)/{land}/{sku:04}", "--key-column", "name", "--keep",
            "land,sku", "-H", "X-Sku: {sku}", "--json-body", #"{"name":"{name}","id":{id}}"#
        ).expectSuccess()
        try await program.runner("run", "-q", "--output", "out").expectSuccess()
        let records = try program.records()
        #expect(records.map(\.method) == ["POST", "POST"])
        #expect(records.map(\.key) == ["M\"x", "y"])
        #expect(records.map(\.meta) == [["land": "de", "sku": "1"], ["land": "fr", "sku": "22"]])
        let requests = try records.map { try $0.request }
        #expect(requests.map(\.target) == ["/de/0001", "/fr/0022"])
        #expect(requests.map { $0.values("X-Sku") } == [["1"], ["22"]])
        #expect(
            requests.map { String(decoding: $0.body, as: UTF8.self) }
                == [#"{"name":"M\"x","id":0}"#, #"{"name":"y","id":1}"#])
        #expect(
            try await rows().map { String($0.split(separator: ",").last!) } == [#""M""x""#, "y"])
        try await program.expectVerified()
    }

    @Test func objects_areRequestsOfTheirOwn() async throws {
        let origin = try await EchoOrigin()
        file(
            "j.jsonl",
            """
            {"url":"\(origin.url)/0","method":"PUT","headers":{"A":"1","B":["2","3"]},"json":[1]}
            {"url":"\(origin.url)/1","key":7,"meta":{"x":[1]}}
            {"url":"\(origin.url)/2","method":"POST","body_base64":"AAH/"}

            """)
        try await enqueue("j.jsonl", "-H", "A: batch").expectSuccess()
        try await program.runner("run", "-q", "--output", "out").expectSuccess()
        let requests = try program.records().map { try $0.request }
        #expect(requests.map(\.method) == ["PUT", "GET", "POST"])
        #expect(requests.map { $0.values("A") } == [["1"], ["batch"], ["batch"]])
        #expect(requests[0].values("B") == ["2", "3"])
        #expect(requests[0].values("Content-Type") == ["application/json"])
        #expect(requests.map(\.body) == [Data("[1]".utf8), Data(), Data([0, 1, 255])])
        #expect(try program.records().map(\.key) == [nil, "7", nil])
        let out = String(
            decoding: contents(of: program.folder.file("out/responses-00001.jsonl")), as: UTF8.self)
        #expect(out.contains(#","key":"7","meta":{"x":[1]},"#))
        try await program.expectVerified()
    }

    @Test(arguments: ["gzip", "bzip2", "xz"])
    func compressedLists_andPipes_areRead(tool: String) async throws {
        file("urls", (0..<5000).map { "http://h/\($0)\n" }.joined())
        let script = "\(tool) -c urls | exec \"$0\" enqueue -i - --json"
        let result = try await program.shell(script, [])
        result.expectSuccess()
        #expect(result.out.contains("\"jobs\":5000"))
        #expect(try await program.jobs()["available"] == 5000)
    }

    @Test func sitemaps_areRead() async throws {
        file(
            "map.xml",
            """
            <?xml version="1.0"?><urlset xmlns="http://www.sitemaps.org/schemas/sitemap/0.9">
            <url><loc>http://h/a?x=1&amp;y=2</loc><lastmod>2026-01-01</lastmod></url>
            <url><loc> http://h/b </loc></url></urlset>
            """)
        try await enqueue("map.xml", "--keep", "lastmod").expectSuccess()
        #expect(
            try await rows() == [
                "0,1,http://h/a?x=1&y=2,available,,", "1,1,http://h/b,available,,",
            ])
    }

    @Test func manyHosts_areFetched_eachOnce() async throws {
        let origin = try await TestOrigin()
        let hosts = (0..<40).map { "h\($0).test" }
        file(
            "urls",
            (0..<6000).map { "http://\(hosts[$0 * $0 % 40]):\(origin.port)/\($0)\n" }.joined())
        try await enqueue("urls").expectSuccess()
        let pinned = hosts.flatMap { ["--resolve", "\($0):\(origin.port):127.0.0.1"] }
        try await program.start("runner", ["run", "-q", "--output", "out"] + pinned).wait()
            .expectSuccess()
        #expect(try origin.hits().distinct == 6000 && origin.hits().repeated == 0)
        #expect(try program.records().count == 6000)
        try await program.expectVerified()
    }

    // MARK: - What does not

    @Test func rejectedLines_areCounted_shown_andWritten() async throws {
        file(
            "urls",
            "http://h/a\nwww.h/b\nftp://h/c\nhttp://\nhttp://h/d e\nhttp://[zz]/\n\u{1}\nhttp://h:99999/\n"
        )
        let result = try await enqueue("urls", "--rejects", "bad")
        #expect(result.status == 0)
        #expect(result.out.contains("queued 1 jobs") && result.out.contains("7 rejected"))
        #expect(result.err.contains("urls:2: has no scheme"))
        #expect(result.err.split(separator: "\n").count == 5)
        let bad = String(decoding: contents(of: program.folder.file("bad")), as: UTF8.self)
        #expect(bad.split(separator: "\n").count == 7)
        #expect(bad.hasPrefix("urls:2\thas no scheme; write it as https://…\twww.h/b\n"))
    }

    @Test(arguments: [
        #""method":"GET / HTTP/1.1\r\nHost: x\r\n\r\nGET""#, #""method":"""#,
        #""method":"CONNECT""#,
        #""headers":{"Content-Length":"0"},"body":"x","method":"POST""#,
        #""headers":{"Host":["a","b"]}"#, #""method":"HEAD","body":"x""#,
        #""headers":{"A":"x\ny"}"#, #""key":"a\nb""#,
    ])
    func objects_thatAreNoRequest_areRejected(members: String) async throws {
        file("j.jsonl", "{\"url\":\"http://h/\",\(members)}\n{\"url\":\"http://h/good\"}\n")
        let result = try await enqueue("j.jsonl")
        #expect(result.status == 0 && result.out.contains("1 rejected"), "\(result.out)")
        #expect(try await rows() == ["0,1,http://h/good,available,,"])
    }

    /// The same host with a user name and without: neither has the other's.
    @Test func credentialsOfAURL_areItsOwn() async throws {
        let origin = try await EchoOrigin()
        let urls = (0..<40).map { number in
            number % 2 == 0
                ? "\(origin.url)/\(number)"
                : "http://u\(number):p@127.0.0.1:\(origin.port)/\(number)"
        }
        file("urls", urls.joined(separator: "\n"))
        try await program.start("runner", ["enqueue", "urls"]).wait().expectSuccess()
        try await program.runner("run", "-q", "-w", "1", "--output", "out").expectSuccess()
        for record in try program.records() {
            let request = try record.request
            let number = try #require(Int(request.target.dropFirst()))
            let own = Data("u\(number):p".utf8).base64EncodedString()
            #expect(request.values("Authorization") == (number % 2 == 0 ? [] : ["Basic \(own)"]))
            #expect(!record.url.contains("@"))
        }
    }

    @Test func whatIsBeyondASCII_isEncoded() async throws {
        let origin = try await EchoOrigin()
        file("urls", "\(origin.url)/ü?q=ü&p=%20\n")
        try await enqueue("urls").expectSuccess()
        try await program.runner("run", "-q", "--output", "out").expectSuccess()
        let record = try #require(try program.records().first)
        #expect(try record.request.target.uppercased() == "/%C3%BC?Q=%C3%BC&P=%20")
    }

    /// A name that does not exist is an answer: its jobs fail, and hold up no others.
    @Test func jobsOfANameThatDoesNotExist_fail() async throws {
        let origin = try await TestOrigin()
        let nameServer = try NameServer()
        file(
            "urls",
            (0..<200).map { "http://\($0 % 2 == 0 ? "good" : "nx").test:\(origin.port)/\($0)\n" }
                .joined())
        try await enqueue("urls").expectSuccess()
        let run = try await program.start(
            "runner",
            ["run", "-q", "--dns-servers", nameServer.address, "--max-stall", "20"]
        ).wait(seconds: 60)
        #expect(run.status == 1, "\(run.out) \(run.err)")
        let jobs = try await program.jobs()
        #expect(jobs["completed"] == 100 && jobs["failed"] == 100)
    }

    @Test func strict_queuesNothing_whenALineIsBad() async throws {
        file("urls", (0..<9000).map { "http://h/\($0)\n" }.joined() + "nothing\n")
        let result = try await enqueue("urls", "--strict")
        result.expectRefusal(2, "urls:9001", "nothing was queued")
        #expect(try await program.jobs()["total"] == 0)
        try await program.expectVerified()
    }

    @Test(
        arguments: [
            ("", [], "has no line that can be queued"), ("\n# a\n", [], "2 blank or comments"),
            ("a,b\n1,2\n", ["--input-format", "csv"], "no column 'url', but 'a', 'b'"),
            ("a,b\n1,2\n", ["--input-format", "csv", "--url", "http://h/{c}"], "has {c}"),
            (
                "a,url\n1,http://h\n", ["--input-format", "csv", "--key-column", "k"],
                "no column 'k'"
            ),
            ("a,a\n1,2\n", ["--input-format", "csv"], "a"),
            ("http://h/\n", ["--separator", ";;"], "one character"),
            ("http://h/\n", ["--range", "0..5"], "two batches"),
            ("http://h/\n", ["more"], "more does not exist"), ("http://h/\n", ["."], "folder"),
        ] as [(String, [String], String)])
    func enqueue_isRefused(text: String, arguments: [String], because word: String) async throws {
        file("list", text)
        let result = try await program.start("runner", ["enqueue", "list"] + arguments).wait()
        result.expectRefusal(2, word)
        guard try program.files()["runner.db"] != nil else { return }
        #expect(try await program.jobs()["total"] == 0)
    }

    @Test func aTruncatedGzip_queuesNothing() async throws {
        file("urls", (0..<50_000).map { "http://h/\($0 * 7919)\n" }.joined())
        let script = "gzip -c urls | head -c 60000 >half.gz; exec \"$0\" enqueue half.gz"
        let result = try await program.shell(script, [])
        result.expectRefusal(2, "half.gz", "gzip")
        #expect(try await program.jobs()["total"] == 0)
        try await program.expectVerified()
    }

    // MARK: - Once or again

    @Test func aList_isQueuedOnce_unlessAgain() async throws {
        file("urls", "http://h/a\n")
        try await enqueue("urls").expectSuccess()
        try await enqueue("urls").expectRefusal(2, "batch 1", "--again")
        try await enqueue("urls", "--again").expectSuccess()
        file("urls", "http://h/b\n")
        try await enqueue("urls").expectSuccess()
        #expect(try await program.jobs()["total"] == 3)
    }

    @Test func ifAbsent_makesAScriptSafeToRepeat() async throws {
        file("urls", "http://h/a\nhttp://h/b\n")
        for name in ["list", "list", "other"] {
            try await enqueue("urls", "--if-absent", name).expectSuccess()
        }
        for _ in 0..<2 {
            try await enqueue("--range", "0..5", "--if-absent", "range").expectSuccess()
        }
        #expect(try await program.jobs()["total"] == 9)
        let known = try await enqueue("urls", "--if-absent", "list", "--json").json
        #expect(known["new"] as? Bool == false && known["batch"] as? Int == 1)
    }
}

/// A list is queued as a whole or not at all, whenever its import is killed, and a run goes on
/// beside it. `RUNNER_TEST_KILLS=200` is the full length.
@Suite(.serialized) struct ImportKillTests {
    private let program = Program()
    private let lines = 200_000

    private func writeList() {
        let text = (0..<lines).map {
            "http://h\($0 % 97).example/item-\($0 &* 2_654_435_761 % 1_000_003)\n"
        }
        write(Array(text.joined().utf8), to: program.folder.file("urls"))
    }

    @Test(.timeLimit(.minutes(30))) func sigkill_leavesTheWholeListOrNothing() async throws {
        writeList()
        let kills = setting("RUNNER_TEST_KILLS", default: 8)
        var random = SeededGenerator(seed: testSeed(for: "sigkill_leavesTheWholeListOrNothing"))
        var (killed, whole) = (0, 0)
        for kill in 1...kills {
            let run = try program.start("runner", ["enqueue", "urls", "--again"])
            try await Task.sleep(for: .milliseconds(Int.random(in: 1...900, using: &random)))
            run.kill(SIGKILL)
            let result = await run.wait()
            if result.signal == SIGKILL { killed += 1 }
            guard FileManager.default.fileExists(atPath: program.folder.file("runner.db")) else {
                continue
            }
            let total = try await program.jobs()["total"] ?? 0
            #expect(total % lines == 0, "kill \(kill) left \(total) jobs")
            // One that had said that it was done is there.
            if result.out.contains("queued") { #expect(total / lines > whole) }
            whole = total / lines
            try await program.expectVerified("kill \(kill)")
        }
        #expect(killed > 0, "no import was killed, so nothing was shown")
        // What was left is removed by the next one.
        try await program.runner("enqueue", "urls", "--again").expectSuccess()
        #expect(try await program.jobs()["total"] == (whole + 1) * lines)
        try await program.shell(
            "sqlite3 -readonly runner.db 'SELECT count(*) FROM import' >left", []
        ).expectSuccess()
        #expect(contents(of: program.folder.file("left")) == Array("0\n".utf8))
        try await program.expectVerified()
    }

    /// Each kind of system call by which the import writes, killed at some number of it.
    @Test(.timeLimit(.minutes(10)), arguments: ["pwrite64", "fdatasync", "openat"])
    func killsAtSystemCalls_leaveTheWholeListOrNothing(call: String) async throws {
        writeList()
        let numbers = call == "pwrite64" ? [1, 9, 40, 200, 700] : [1, 3, 5, 8, 13]
        for number in numbers {
            let run = try program.start(
                "/usr/bin/strace",
                [
                    "-f", "-o", "trace", "-e", "trace=\(call)", "-e",
                    "inject=\(call):signal=KILL:when=\(number)", Program.products + "/runner",
                    "enqueue", "urls", "--again",
                ])
            _ = await run.wait()
            guard FileManager.default.fileExists(atPath: program.folder.file("runner.db")) else {
                continue
            }
            let total = try await program.jobs()["total"] ?? 0
            #expect(total % lines == 0, "\(call) \(number) left \(total) jobs")
            try await program.expectVerified("\(call) \(number)")
        }
    }

    @Test(.timeLimit(.minutes(5))) func aRun_goesOnBesideAnImport_andIsKilledWithIt() async throws {
        let origin = try await TestOrigin()
        writeList()
        try await program.enqueue(20_000, origin, "{id}")
        let run = try program.start("runner", ["run", "-q"])
        try await run.wait { try origin.hits().requests > 500 }
        let adding = try program.start("runner", ["enqueue", "urls"])
        try await Task.sleep(for: .milliseconds(200))
        adding.kill(SIGKILL)
        run.kill(SIGKILL)
        _ = (await adding.wait(), await run.wait())
        try await program.expectVerified()
        // Of a list that nobody fetches: the jobs of the range alone.
        let again = try program.start(
            "runner", ["run", "-q", "--max-stall", "1", "--retries", "0"])
        try await again.wait { try origin.hits().distinct == 20_000 }
        again.kill(SIGINT)
        again.kill(SIGINT)
        _ = await again.wait(seconds: 60)
        #expect(try origin.missing(of: 20_000) == 0)
        try await program.expectVerified()
    }
}
