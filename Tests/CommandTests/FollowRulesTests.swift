import Foundation
import TestSupport
import Testing

/// What a run follows, and what it refuses to.
@Suite struct FollowRulesTests {
    private let program = Program()

    private func enqueue(_ url: String) async throws {
        write(Array("\(url)\n".utf8), to: program.folder.file("seed.txt"))
        try await program.runner("enqueue", "seed.txt").expectSuccess()
    }

    private func urls() async throws -> [String] {
        let export = try await program.runner("export", "--format", "jsonl")
        struct Row: Decodable { let url: String }
        return try export.out.split(separator: "\n").map {
            try JSONDecoder().decode(Row.self, from: Data($0.utf8)).url
        }
    }

    @Test func itemsAndNextPages_ofJSON_areFollowed() async throws {
        let origin = try await TestOrigin()
        func page(_ json: String, _ id: Int) -> String {
            let text = json.addingPercentEncoding(withAllowedCharacters: .alphanumerics)!
            return "\(origin.url)/bytes/\(text)/\(id)"
        }
        // The second page is the value of the first; both list items, one of them twice.
        let second = page(#"{"items":[{"id":12},{"id":13}],"next":null}"#, 2)
        let first = page(#"{"items":[{"id":11},{"id":12}],"next":"\#(second)"}"#, 1)
        try await enqueue(first)
        let run = try await program.runner(
            "run", "--next-json", "/next", "--each-json", "/items/*/id", "--each-url",
            "\(origin.url)/body/20/{}", "--json", "-q")
        #expect(run.status == 0, "\(run.out)\(run.err)")
        #expect(
            try await urls() == [first, second] + (11...13).map { "\(origin.url)/body/20/\($0)" })
        struct Report: Decodable {
            struct Followed: Decodable {
                let added: Int
                let known: Int
            }
            let followed: Followed
        }
        let report = try JSONDecoder().decode(Report.self, from: Data(run.out.utf8)).followed
        #expect(report.added == 4 && report.known == 1)
        let batches = try await program.runner("batches", "--json").out.split(separator: "\n")
        #expect(batches.map { $0.contains("\"found_in\":1") } == [false, true], "\(batches)")
        #expect(batches[0].contains("\"found_in\":null"))
        #expect(try await program.runner("batches").out.contains("list (found in 1)"))
    }

    /// An archive keeps what came as it came; links are read all the same.
    @Test func linksAreFollowed_intoAnArchive_withinBounds() async throws {
        let origin = try await TestOrigin()
        try await enqueue("\(origin.url)/site/3.500/0")
        let run = try await program.runner(
            "run", "--follow-links", "--follow-match", "/site/3[.]500/[0-9]+$", "--depth", "3",
            "-o", "out", "--format", "warc", "-q")
        #expect(run.status == 0, "\(run.out)\(run.err)")
        #expect(run.out.contains("out of scope") && run.out.contains("by --depth"), "\(run.out)")
        let counts = try await program.status().jobs
        #expect(counts.completed == counts.total && (15..<500).contains(counts.total))
        #expect(try await program.runner("verify").status == 0)
        // Deeper than before: what is known is not asked again, and so leads nowhere.
        let more = try await program.runner("run", "--follow-links", "--max-jobs", "1", "-q")
        #expect(more.status == 0)
        #expect(try await program.status().jobs.total == counts.total)
    }

    /// A folder stays the same along the way, though pages below it lead up again.
    @Test func aFolder_isNotLeft_andNotNarrowed() async throws {
        let origin = try await CrawlOrigin()
        let docs = "http://\(origin.site(2))/docs/"
        try await enqueue(docs)
        let run = ["run", "-x", origin.url, "--follow-links", "--scope", "prefix", "-q"]
        let ended = try await program.start("runner", run).wait()
        #expect(ended.status == 0, "\(ended.out)\(ended.err)")
        #expect(Set(try await urls()) == [docs, docs + "deep/page", docs + "page"])
    }

    @Test func aHost_getsNoMoreThanItMay() async throws {
        let origin = try await TestOrigin()
        try await enqueue("\(origin.url)/site/3.500/0")
        struct Report: Decodable {
            struct Followed: Decodable {
                let added: Int
                let leftOut: [String: Int]

                private enum CodingKeys: String, CodingKey {
                    case added
                    case leftOut = "left_out"
                }
            }
            let followed: Followed
        }
        let run = try await program.runner(
            "run", "--follow-links", "--max-jobs-per-host", "5", "--json", "-q")
        let report = try JSONDecoder().decode(Report.self, from: Data(run.out.utf8)).followed
        #expect(report.added == 5, "\(run.out)\(run.err)")
        #expect(report.leftOut["host_full"] ?? 0 > 0)
    }

    @Test func whileARunFollows_noListIsAddedWithoutDuplicates() async throws {
        let origin = try await TestOrigin()
        try await enqueue("\(origin.url)/delay/60000/1")
        let run = try program.start("runner", ["run", "-q", "--follow-links"])
        try await run.wait { try origin.hits().requests == 1 }
        try await program.runner("enqueue", "--unique", "--again", "seed.txt")
            .expectRefusal(4, "those that a run finds in responses", "wait for its end")
        run.kill(SIGKILL)
        _ = await run.wait()
    }

    @Test func wrongUse_isRefused_beforeTheFirstRequest() async throws {
        let origin = try await TestOrigin()
        try await enqueue("\(origin.url)/body/5/1")
        let wrong = [
            ["--depth", "2"], ["--follow-found"], ["--handlers", "2"], ["--follow-match", "x"],
            ["--follow-links", "--follow-skip", "["], ["--next-json", "items"],
            ["--next-url", "http://h/{}"], ["--each-json", "/a", "--each-url", "http://h/{x}"],
            ["--follow-links", "--scope", "site"], ["--follow-links", "--depth", "0"],
            ["--scope", "prefix"],
        ]
        for arguments in wrong {
            let run = try await program.start(
                "runner", ["run", "-q"] + arguments
            ).wait()
            #expect(run.status == 2, "\(arguments): \(run.out)\(run.err)")
        }
        #expect(try origin.hits().requests == 0)
    }

    @Test func aHandlerThatNamesRequests_needsToBeAllowedTo() async throws {
        let origin = try await TestOrigin()
        try await enqueue("\(origin.url)/site/3.500/0")
        let handler = "exec python3 -B '\(try Tools.script("site_handler.py"))'"
        let run = try await program.start(
            "runner", ["run", "-q", "--handler", handler]
        ).wait()
        #expect(run.status == 12 && run.err.contains("run again with --follow-found"), "\(run.err)")
        #expect(try await program.status().jobs.completed == 0)
        let missing = try await program.start(
            "runner", ["run", "-q", "--handler", "exec /nowhere/to/be"]
        ).wait()
        #expect(missing.status == 12 && missing.err.contains("/nowhere/to/be"), "\(missing.err)")
        // While it follows, no list without duplicates may be added, and the other way round.
        let again = try await program.start(
            "runner", ["run", "-q", "--follow-found", "--depth", "1", "--handler", handler]
        ).wait()
        #expect(again.status == 0, "\(again.err)")
        #expect(try await program.status().jobs.total > 1)
    }
}
