import Foundation
import TestSupport
import Testing

/// `runner enqueue` with lists on a server, and sitemaps that lead to others.
@Suite(.serialized, .timeLimit(.minutes(5))) struct RemoteListTests {
    private let program = Program()

    private func file(_ name: String, _ text: String) {
        write(Array(text.utf8), to: program.folder.file(name))
    }

    private func enqueue(_ arguments: String...) async throws -> Program.Result {
        try await program.start("runner", ["enqueue"] + arguments).wait()
    }

    /// The URLs of all jobs, by position.
    private func urls() async throws -> [String] {
        let result = try await program.runner("export")
        result.expectSuccess()
        return result.out.split(separator: "\n").dropFirst().map { row in
            String(row.split(separator: ",", omittingEmptySubsequences: false)[2])
        }
    }

    private static func sitemap(_ urls: String...) -> String {
        "<urlset>" + urls.map { "<url><loc>\($0)</loc></url>" }.joined() + "</urlset>"
    }

    private static func index(_ urls: String...) -> String {
        "<?xml version='1.0'?>\n<sitemapindex>\n"
            + urls.map { "<sitemap><loc>\($0)</loc></sitemap>\n" }.joined() + "</sitemapindex>"
    }

    // MARK: - Lists of each form

    @Test func lists_areFetched_whateverTheirForm() async throws {
        file("urls", "http://h/0\n\nhttp://h/1\n")
        file("shops.csv", "a,url\n1,http://h/0\n2,http://h/1\n")
        file("bare", "a,url\n1,http://h/0\n2,http://h/1\n")
        file("page", Self.sitemap("http://h/0", " http://h/1\n"))
        try await program.shell("gzip -k shops.csv page; mv page.gz page.xml", []).expectSuccess()
        let origin = try await ListOrigin(in: program)
        for (number, path) in [
            "urls", "chunked/urls?x=a.csv", "shops.csv.gz", "type/text/csv/bare", "page.xml",
            "chunked/page", "redirect/3/shops.csv", "cut/1/9/urls", "status/1/503/page.xml",
            "sitemap/0/2?x#y",
        ].enumerated() {
            let result = try await enqueue("\(origin.url)/\(path)", "--queue", "\(number).db")
            result.expectSuccess()
            #expect(
                result.out.hasPrefix("queued 2 jobs of \(origin.url)/\(path), "), "\(result.out)")
        }
    }

    @Test func lists_areInputs_besideFiles() async throws {
        file("one", "http://h/1\n")
        file("two", "http://h/2\n")
        let origin = try await ListOrigin(in: program)
        let list = "\(origin.url)/one"
        try await enqueue("two", "-i", list).expectSuccess()
        #expect(try await urls() == ["http://h/2", "http://h/1"])
        #expect(try origin.log() == ["/one", "/one"], "one to know it by")
        try await enqueue(list).expectSuccess()
        #expect(try origin.log().count == 3, "read on")
    }

    @Test func credentials_areSent_andNotTold() async throws {
        file("urls", "http://h/1\nnone\n")
        let origin = try await ListOrigin(in: program)
        let list = "http://user:word@127.0.0.1:\(origin.port)/basic/urls"
        let result = try await enqueue(list)
        #expect(result.status == 0)
        #expect(result.out.contains("1 jobs of \(origin.url)/basic/urls"), "\(result.out)")
        #expect(
            result.err
                == "runner: \(origin.url)/basic/urls, line 2: has no scheme; write it as https://…: none\n"
        )
        let again = try await enqueue(list)
        again.expectRefusal(2, "\(origin.url)/basic/urls was queued before", "--again")
        #expect(!again.err.contains("word"))
        let wrong = try await enqueue(
            "http://user:other@127.0.0.1:\(origin.port)/basic/urls", "--again")
        wrong.expectRefusal(2, "\(origin.url)/basic/urls answers with 401", "queue a file of it")
        #expect(!wrong.err.contains("other"))
    }

    @Test func aList_isKnownByItsVersion() async throws {
        file("urls", "http://h/1\n")
        let origin = try await ListOrigin(in: program)
        try await enqueue("\(origin.url)/urls").expectSuccess()
        try await enqueue("\(origin.url)/urls").expectRefusal(2, "batch 1", "--again")
        try await enqueue("\(origin.url)/urls", "--again").expectSuccess()
        file("urls", "http://h/2\n")
        try await enqueue("\(origin.url)/urls").expectSuccess()
        // Without a version, the URL alone counts.
        try await enqueue("\(origin.url)/chunked/urls").expectSuccess()
        try await enqueue("\(origin.url)/chunked/urls").expectRefusal(2, "batch 4", "--again")
    }

    // MARK: - Indexes

    @Test(arguments: [false, true])
    func anIndex_leadsToItsSitemaps_inItsOrder(isFile: Bool) async throws {
        let origin = try await ListOrigin(in: program)
        file("b.xml", Self.sitemap("http://h/b?x=1&amp;y=2", "http://h/b2"))
        file("a.xml", Self.sitemap("http://h/a"))
        try await program.shell("gzip -c a.xml >a.bin", []).expectSuccess()
        file(
            "index.xml",
            Self.index(
                "\(origin.url)/b.xml", "\n  \(origin.url)/a.bin?x&amp;y ",
                "\(origin.url)/redirect/1/a.xml"))
        let name = isFile ? "index.xml" : "\(origin.url)/index.xml"
        let result = try await enqueue(name)
        result.expectSuccess()
        #expect(result.out.hasPrefix("queued 4 jobs of \(name), IDs 0..<4, "))
        #expect(
            try await urls() == ["http://h/b?x=1&y=2", "http://h/b2", "http://h/a", "http://h/a"])
        #expect(
            try origin.log().filter { $0 != "/index.xml" } == [
                "/b.xml", "/a.bin?x&y", "/redirect/1/a.xml", "/a.xml",
            ])
        #expect(try origin.log().count == (isFile ? 4 : 5))
        try await program.expectVerified()
        try await enqueue(name).expectRefusal(2, "batch 1", "--again")
    }

    @Test func rejections_nameTheSitemap() async throws {
        let origin = try await ListOrigin(in: program)
        file("a.xml", Self.sitemap("http://h/a") + "\n")
        file(
            "b.xml",
            "<urlset>\n<url/>\n<url><loc>ftp://h/</loc></url>\n<url><loc>http://h/b</loc></url></urlset>"
        )
        file("index.xml", Self.index("\(origin.url)/a.xml", "\(origin.url)/b.xml"))
        let result = try await enqueue("index.xml", "--rejects", "bad.txt")
        #expect(result.status == 0)
        #expect(result.out.hasPrefix("queued 2 jobs") && result.out.contains("(2 rejected)"))
        #expect(result.err.contains("runner: \(origin.url)/b.xml, line 2: has no loc\n"))
        let bad = String(decoding: contents(of: program.folder.file("bad.txt")), as: UTF8.self)
        #expect(bad.contains("\(origin.url)/b.xml, line 3\thas the scheme 'ftp'"), "\(bad)")
    }

    @Test(arguments: [
        ("nested.xml", "nested.xml, which is an index itself"),
        ("none.xml", "none.xml answers with 404"),
        ("bomb.xml", "bomb.xml declares entities"),
        ("page.html", "page.html has the root element html"),
        ("cut/9/20/a.xml", "a.xml cannot be fetched: "),
        ("redirect/11/a.xml", "a.xml redirects more than 10 times"),
    ])
    func anIndex_isQueuedAsAWhole_orNotAtAll(path: String, problem: String) async throws {
        let origin = try await ListOrigin(in: program)
        file("a.xml", Self.sitemap("http://h/a"))
        file("nested.xml", Self.index("\(origin.url)/a.xml"))
        file("page.html", "<!DOCTYPE html><html><body>Sorry</body></html>")
        let lol = (1...9).map {
            "<!ENTITY l\($0) \"\(String(repeating: "&l\($0 - 1);", count: 10))\">"
        }
        file(
            "bomb.xml",
            "<?xml version='1.0'?><!DOCTYPE x [<!ENTITY l0 \"lol\">\(lol.joined())]>"
                + Self.sitemap("&l9;"))
        file("index.xml", Self.index("\(origin.url)/a.xml", "\(origin.url)/\(path)"))
        let result = try await enqueue("\(origin.url)/index.xml")
        result.expectRefusal(2, "\(origin.url)/", problem)
        #expect(try await program.jobs()["total"] == 0)
        try await program.expectSoundQueue()
    }

    @Test(arguments: [
        ("<sitemap><loc>sitemap.xml</loc></sitemap>", "line 3 that has no scheme"),
        ("<sitemap><loc>file:///etc/passwd</loc></sitemap>", "line 3 that has the scheme 'file'"),
        ("<sitemap><loc>http://a b/</loc></sitemap>", "line 3 that holds a space"),
        (
            String(repeating: "<sitemap><loc>http://h/</loc></sitemap>", count: 50_001),
            "names more than 50000 sitemaps"
        ),
    ])
    func anIndex_isRefused_whereItLeadsToNoSitemap(entries: String, problem: String) async throws {
        file("index.xml", "<?xml version='1.0'?>\n<sitemapindex>\n\(entries)</sitemapindex>")
        try await enqueue("index.xml").expectRefusal(2, "index.xml", problem)
        #expect(try await program.jobs()["total"] == 0)
    }

    @Test func aSitemapLargerThanTheProtocolAllows_isRead_andToldOf() async throws {
        let origin = try await ListOrigin(in: program)
        let result = try await enqueue("\(origin.url)/sitemap/0/50001")
        #expect(result.status == 0 && result.out.hasPrefix("queued 50,001 jobs"))
        #expect(result.err.contains("/sitemap/0/50001 has 50001 entries"), "\(result.err)")
        #expect(result.err.contains("protocol allows"))
    }

    // MARK: - Servers that fail

    @Test func whatIsNotGiven_isNotQueued() async throws {
        let origin = try await ListOrigin(in: program)
        for (list, problem) in [
            ("\(origin.url)/none.csv", "/none.csv answers with 404"),
            (
                "\(origin.url)/redirect/1/none",
                "/none answers with 404 (at \(origin.url)/none, where it redirects to)"
            ),
            ("\(origin.url)/status/9/403/x", "answers with 403"),
            ("http://127.0.0.1:\(freePort())/x", "at the last of 4 tries"),
            ("https://127.0.0.1:\(origin.port)/x", "cannot be fetched: "),
            ("http://h:port/x", "is no URL that can be fetched"),
        ] {
            let result = try await enqueue(list)
            result.expectRefusal(2, problem, "nothing was queued; try again later")
            #expect(try program.files().isEmpty, "\(list)")
        }
    }

    /// Behind what was read, the list goes on as if nothing had happened, or not at all.
    @Test func aConnectionThatBreaks_isMadeAgain() async throws {
        let lines = (0..<60_000).map { "http://h/\($0)" }
        file("urls", lines.joined(separator: "\n"))
        let origin = try await ListOrigin(in: program)
        try await enqueue("\(origin.url)/cut/2/700000/urls").expectSuccess()
        // In blocks, which are in another order than the lines.
        #expect(try await urls().sorted() == lines.sorted())
        #expect(try origin.log().count == 3)

        let broken = try await enqueue("\(origin.url)/cut/9/700000/urls")
        broken.expectRefusal(2, "at the last of 4 tries")
        let changed = try await enqueue("\(origin.url)/changed/700000/urls")
        changed.expectRefusal(2, "/changed/700000/urls was changed while it was read")
        #expect(try await program.jobs()["total"] == 60_000)
        try await program.expectVerified()
    }

    // MARK: - The way there

    @Test func certificates_areVerified() async throws {
        try await program.makeCertificate()
        file("urls", "http://h/1\n")
        let origin = try await ListOrigin(in: program, "--tls", "cert.pem", "key.pem")
        let list = "https://localhost:\(origin.port)/urls"
        try await enqueue(list).expectRefusal(2, "/urls cannot be fetched: ", "certificate")
        #expect(!FileManager.default.fileExists(atPath: program.folder.file("runner.db")))
        try await enqueue(list, "--cacert", "cert.pem").expectSuccess()
        try await enqueue(list, "-k", "--again").expectSuccess()
        try await enqueue(list, "--cacert", "none.pem").expectRefusal(2, "none.pem", "--cacert")
        try await enqueue("--range", "0..5", "-k").expectRefusal(2, "--insecure", "list")
    }

    @Test func proxies_areThoseOfTheEnvironment_orGiven() async throws {
        file("urls", "http://h/1\n")
        let (origin, proxy) = (try await ListOrigin(in: program), try await TestProxy())
        var program = program
        program.environment["http_proxy"] = proxy.place
        let list = "http://behind.test:\(origin.port)/urls"
        try await program.runner("enqueue", list).expectSuccess()
        #expect(try proxy.seen().plain == [list])
        try await program.runner("enqueue", "\(origin.url)/urls", "--noproxy", "*").expectSuccess()
        #expect(try proxy.seen().plain == [list])
        let gone = "http://u:word@127.0.0.1:\(freePort())"
        let result = try await program.runner("enqueue", "\(origin.url)/urls", "-x", gone)
        result.expectRefusal(2, "by the proxy http://***@127.0.0.1:")
        #expect(!result.err.contains("word"))
    }

    // MARK: - Memory

    /// `RUNNER_TEST_SITEMAPS=20 RUNNER_TEST_ENTRIES=50000` is the full length.
    @Test func memory_staysTheSame_howeverManySitemapsThereAre() async throws {
        let sitemaps = setting("RUNNER_TEST_SITEMAPS", default: 8)
        let entries = setting("RUNNER_TEST_ENTRIES", default: 25_000)
        let origin = try await ListOrigin(in: program)
        func peakKilobytes(_ sitemaps: Int) async throws -> Int {
            let queue = "\(sitemaps).db"
            let script =
                "\"$0\" enqueue \"$1\" --queue \(queue) & pid=$!; peak=0; while p=$(grep VmHWM /proc/$pid/status 2>/dev/null); do peak=$p; sleep 0.01; done; echo $peak; wait $pid"
            let result = try await program.shell(
                script, ["\(origin.url)/index/\(sitemaps)/\(entries)"])
            #expect(result.status == 0, "\(result.err)")
            #expect(try await program.jobs(queue: queue)["available"] == sitemaps * entries)
            let match = try #require(result.out.firstMatch(of: /VmHWM: (\d+) kB/))
            return try #require(Int(match.1))
        }
        let (one, all) = (try await peakKilobytes(1), try await peakKilobytes(sitemaps))
        print("memory_staysTheSame: \(one) KB for one sitemap, \(all) KB for \(sitemaps)")
        #expect(all <= one + 16_384)
    }
}
