import Foundation
import TestSupport
import Testing

/// `runner report` of the built program, read by a program that knows nothing of it.
@Suite struct ReportTests {
    private let program = Program()

    /// What `read_report.py` found in a page.
    private struct Page: Decodable {
        let policy: String
        let tables: [String: [[String]]]
        let tiles: [String: [String]]
        let legends: [String: String]
        let texts: [String]
        let charts: [String]
    }

    /// What `report --json` prints.
    private struct Document: Decodable {
        struct Run: Decodable {
            struct Requests: Decodable { let made: Int }
            let pid: Int
            let ending: String
            let finished: Int
            let workers: Int
            let elapsedS: Double
            let requests: Requests
            let settings: [String: String]
        }
        let jobs: StatusJSON.Jobs
        let outcomes: [StatusJSON.Outcome]
        let runs: [Run]
    }

    private func page(_ file: String = "report.html") async throws -> Page {
        let script = try Tools.script("read_report.py")
        let result = try await program.start(Tools.python, ["-B", script, file]).wait()
        try #require(result.status == 0, "\(result.err)")
        return try StatusJSON.decoder.decode(Page.self, from: Data(result.out.utf8))
    }

    private func document() async throws -> Document {
        let result = try await program.runner("report", "--json")
        result.expectSuccess()
        return try StatusJSON.decoder.decode(Document.self, from: Data(result.out.utf8))
    }

    private func number(_ text: String?) -> Int? {
        text.flatMap { Int($0.replacing(",", with: "")) }
    }

    @Test func aReport_tellsOfKilledAndResumedRuns_asStatusDoes() async throws {
        let origin = try await TestOrigin()
        try await program.runner(
            "enqueue", "--range", "0..3000", "--url", "\(origin.url)/delay/40/{id}"
        ).expectSuccess()
        try await program.runner(
            "enqueue", "--range", "0..7", "--url", "\(origin.url)/status/404/{id}?a=<b>"
        ).expectSuccess()
        let killed = try program.start("runner", ["run", "-q", "-w", "20"])
        // The course is kept after a second, and a run that goes on has a report.
        try await killed.wait { try await document().runs.first?.finished ?? 0 > 0 }
        #expect(try await document().runs.map(\.ending) == ["running"])
        killed.kill(SIGKILL)
        await killed.wait()
        let before = try await program.status().jobs.completed
        let second = try await program.runner(
            "run", "-q", "-w", "100", "-H", "X-Secret: geheim", "--retries", "1")
        #expect(second.status == 1, "\(second.err)")

        let (status, report) = (try await program.status(), try await document())
        #expect(report.jobs == status.jobs && report.outcomes == status.outcomes)
        #expect(report.runs.map(\.ending) == ["killed", "finished"])
        #expect(report.runs.map(\.pid).first == Int(killed.pid))
        #expect(report.runs[1].finished == 3007 - before)
        #expect(report.runs[1].requests.made >= 3007 - before)
        #expect(report.runs[1].workers == 100 && report.runs[1].elapsedS > 0)
        #expect(report.runs[1].settings["retries"] == "1")

        let text = try await program.runner("report")
        text.expectSuccess()
        let runs = text.out.split(separator: "\n").filter { $0.contains(" workers") }
        #expect(runs.count == 2 && runs[0].contains("killed") && runs[1].contains("finished"))

        let made = try await program.runner("report", "--html", "report.html")
        made.expectSuccess()
        #expect(made.out.hasPrefix("report.html: 2 runs, "))
        let page = try await page()
        #expect(page.policy.hasPrefix("default-src 'none'; style-src 'nonce-"))
        let jobs = status.jobs
        for (name, count) in [
            ("completed", jobs.completed), ("failed", jobs.failed), ("running", jobs.running),
            ("available", jobs.available), ("retrying", jobs.retrying),
        ] { #expect(number(page.legends[name]) == count, "\(name)") }
        let outcomes = try #require(page.tables["Table of outcomes"])
        #expect(
            outcomes.map { [$0[0], $0[1], $0[2].replacing(",", with: "")] }
                == status.outcomes.map { [$0.outcome, $0.state, "\($0.count)"] })
        let shown = try #require(page.tables["Table of runs"])
        #expect(shown.map { number($0[3]) } == report.runs.map(\.finished))
        #expect(shown.map { number($0[6]) } == report.runs.map(\.requests.made))
        #expect(number(page.tiles["finished"]?[0]) == report.runs.reduce(0) { $0 + $1.finished })
        let failures = try #require(page.tables["Table of recent failures"])
        #expect(failures.count == 5 && failures.allSatisfy { $0[4].hasSuffix("?a=<b>") })
        #expect(page.charts.count == 2 && !page.charts.joined().contains("no course"))
        #expect(!contents(of: program.folder.file("report.html")).isEmpty)
        let all = String(decoding: contents(of: program.folder.file("report.html")), as: UTF8.self)
        #expect(!all.contains("geheim"))
        let out = try await program.runner("report", "--html", "-")
        #expect(out.status == 0 && out.out.hasSuffix("</html>\n"))
    }

    @Test func aShortRun_hasItsCourse_andTheSumIsWhole() async throws {
        let origin = try await TestOrigin()
        try await program.runner("enqueue", "--range", "0..50", "--url", "\(origin.url)/{id}")
            .expectSuccess()
        #expect(try await program.runner("run", "-q").status == 0)
        let kept = try await program.start(
            "/usr/bin/sqlite3",
            [
                "runner.db",
                "SELECT json_extract(value, '$.course') FROM setting WHERE name LIKE 'course %'",
            ]
        ).wait().out
        let parts = kept.split(separator: ";").dropFirst().map { $0.split(separator: " ") }
        #expect(parts.reduce(0) { $0 + (Int($1[2]) ?? 0) } == 50, "\(kept)")
        try await program.runner("report", "--html", "report.html").expectSuccess()
        #expect(number(try await page().tiles["finished"]?[0]) == 50)
    }

    /// Its run is of one batch, and so are the jobs that it has finished.
    @Test func aRunOfOneBatch_isCounted_alsoWhileItGoesOn() async throws {
        let origin = try await TestOrigin()
        try await program.runner("enqueue", "--range", "0..500", "--url", "\(origin.url)/{id}")
            .expectSuccess()
        #expect(try await program.runner("run", "-q").status == 0)
        try await program.runner(
            "enqueue", "--range", "0..200", "--url", "\(origin.url)/silent/{id}"
        ).expectSuccess()
        let run = try program.start("runner", ["run", "-q", "--batch", "2", "--grace", "0.1"])
        try await run.wait { try await document().runs.count == 2 }
        let seen = try await document().runs
        #expect(seen.map(\.ending) == ["finished", "running"] && seen.map(\.finished) == [500, 0])
        run.kill(SIGINT)
        #expect(await run.wait(seconds: 30).status == 11)
        #expect(try await document().runs.map(\.ending) == ["finished", "stopped"])
        try await program.runner("report", "--html", "report.html").expectSuccess()
        let shown = try #require(try await page().tables["Table of runs"])
        #expect(shown[1][1] == "stopped, batch 2 alone")
    }

    /// Of an earlier version, which has kept no course.
    @Test func anOldQueue_hasAReport_andStaysAsItIs() async throws {
        let archive = URL(fileURLWithPath: #filePath).deletingLastPathComponent()
            .appendingPathComponent("../Fixtures/schema-3.tar.gz").standardized.path
        #expect(try await program.start("/bin/tar", ["-xzf", archive]).wait().status == 0)
        let text = try await program.runner("report")
        text.expectSuccess()
        #expect(text.out.contains("no run has left a course"))
        try await program.runner("report", "--html", "report.html").expectSuccess()
        #expect(try await page().legends["completed"] == "692")
    }

    @Test func aQueueThatNobodyHasRun_hasAReport() async throws {
        try await program.runner("enqueue", "--range", "0..5").expectSuccess()
        let text = try await program.runner("report")
        text.expectSuccess()
        #expect(text.out.contains("no run yet"))
        try await program.runner("report", "--html", "report.html").expectSuccess()
        #expect(try await page().legends["available"] == "5")
        #expect(try await document().runs.isEmpty)
    }

    @Test func theFile_isReplacedWhole_throughALink_andNothingIsLeft() async throws {
        try await program.runner("enqueue", "--range", "0..5").expectSuccess()
        let (file, link) = (program.folder.file("old.html"), program.folder.file("link.html"))
        try Data("before".utf8).write(to: URL(fileURLWithPath: file))
        try FileManager.default.createSymbolicLink(atPath: link, withDestinationPath: file)
        try await program.runner("report", "--html", "link.html").expectSuccess()
        #expect(String(decoding: contents(of: file), as: UTF8.self).hasPrefix("<!doctype html>"))
        let type = try FileManager.default.attributesOfItem(atPath: link)[.type]
        #expect(type as? FileAttributeType == .typeSymbolicLink)
        let left = try FileManager.default.contentsOfDirectory(atPath: program.folder.path)
        #expect(!left.contains { $0.hasSuffix(".tmp") })
    }

    @Test(arguments: [
        (["--html", "missing/r.html"], Int32(3), "missing/r.html"),
        (["--html", "/dev/full"], 3, "no regular file"), (["--html", "."], 3, "no regular file"),
        (["--html", "runner.db"], 2, "the queue's own file"),
        (["--html", "./runner.db-wal"], 2, "the queue's own file"),
        (["--html", ""], 2, "--html"), (["--html", "r.html", "--json"], 2, "--json"),
        (["--queue", "missing.db"], 3, "missing.db"),
    ])
    func whatCannotBeWritten_isSaid(
        _ options: [String], _ status: Int32, _ part: String
    ) async throws {
        try await program.runner("enqueue", "--range", "0..5").expectSuccess()
        let before = try program.files()["runner.db"]
        let result = try await program.start("runner", ["report"] + options).wait()
        result.expectRefusal(status, part)
        #expect(try program.files()["runner.db"] == before)
    }

    @Test func aFullDisk_isSaid() async throws {
        try await program.runner("enqueue", "--range", "0..5").expectSuccess()
        let result = try await program.shell("\"$0\" report --html - > /dev/full", [])
        result.expectRefusal(3, "standard output", "No space left")
    }

    /// What others have written to the queue is no reason to fail, and drives nothing.
    @Test func aCourseThatIsNone_isLeftOut() async throws {
        try await program.runner("enqueue", "--range", "0..5").expectSuccess()
        for text in ["", "{}", "[1,2]", "{\"course\":\"1;\"}"] {
            try await program.sqlite(
                "runner.db",
                "INSERT OR REPLACE INTO setting VALUES ('courses', '-1 x 3 99999999999999999999 3')",
                "INSERT OR REPLACE INTO setting VALUES ('course 3', '\(text)')")
            try await program.runner("report").expectSuccess()
            #expect(try await document().runs.isEmpty)
        }
    }

    @Test func theEarliestRuns_areForgotten() async throws {
        try await program.runner("enqueue", "--range", "0..1", "--url", "http://127.0.0.1:1/{id}")
            .expectSuccess()
        // Numbers of runs that never were: the run to come is number 1.
        let numbers = (101...120).map(String.init).joined(separator: " ")
        try await program.sqlite(
            "runner.db", "INSERT INTO setting VALUES ('courses', '\(numbers)')",
            "INSERT INTO setting VALUES ('course 101', 'x'), ('course 102', 'x')")
        #expect(
            try await program.runner("run", "-q", "--retries", "0", "--max-stall", "1").status == 1)
        let names = try await program.start(
            "/usr/bin/sqlite3",
            ["runner.db", "SELECT name FROM setting WHERE name LIKE 'course%' ORDER BY 1"]
        ).wait().out
        #expect(names == "course 1\ncourse 102\ncourses\n")
    }
}
