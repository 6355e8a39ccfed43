import Foundation
import TestSupport
import Testing

/// `runner enqueue --unique`: no request twice, whatever is queued in which order, and whatever is
/// killed.
@Suite struct EnqueueUniqueTests {
    private let program = Program()

    private func file(_ name: String, _ text: String) {
        write(Array(text.utf8), to: program.folder.file(name))
    }

    private func enqueue(_ arguments: String...) async throws -> Program.Result {
        try await program.start("runner", ["enqueue"] + arguments).wait()
    }

    /// The URLs of all jobs, in order.
    private func urls() async throws -> [String] { try await program.urls() }

    @Test func duplicates_areLeftOut_theFirstStays() async throws {
        file(
            "urls",
            "http://h/b\nHTTP://H:80/b\nhttp://h/a\nhttp://h/x/../b#y\nhttp://h/%61\nhttp://h/A\nno\n"
        )
        let result = try await enqueue("urls", "--unique")
        #expect(result.status == 0)
        #expect(
            result.out
                == "queued 3 jobs of urls, IDs 0..<3, as batch 1 in runner.db (3 duplicates left out, 1 rejected)\n"
        )
        #expect(try await urls() == ["http://h/b", "http://h/a", "http://h/A"])
        try await program.expectVerified()
    }

    @Test func duplicates_areThoseOfAllLists() async throws {
        file("plain", "http://h/1\nhttp://h/1\nhttp://h/2\n")
        file("more.csv", "n,k\n2,a\n3,b\n3,c\n4,d\n")
        file(
            "j.jsonl",
            """
            {"url":"http://h/4","key":"x"}
            {"url":"http://h/4","method":"POST","body":"1"}
            {"url":"http://h/4","method":"POST","body":"2"}
            {"url":"http://h/4","method":"POST","body":"1","meta":{"a":1}}
            {"url":"http://h/4","headers":{"A":"1"}}
            {"url":"http://h/4","headers":{"a":"1"},"method":"GET"}

            """)
        try await enqueue("plain").expectSuccess()
        let more = try await enqueue(
            "more.csv", "--url", "http://h/{n}", "--key-column", "k", "--unique", "--json")
        more.expectSuccess()
        #expect(try more.json["duplicates"] as? Int == 2)
        #expect(try more.json["jobs"] as? Int == 2)
        let objects = try await enqueue("j.jsonl", "--unique", "--json")
        #expect(try objects.json["duplicates"] as? Int == 3)
        #expect(
            try await urls() == [1, 1, 2, 3, 4, 4, 4, 4].map { "http://h/\($0)" })
        // Lists with their duplicates may follow, and come into the set after that.
        try await enqueue("plain", "--again").expectSuccess()
        file("last", "http://h/5\nhttp://h/4\nhttp://h/1\n")
        #expect(try await enqueue("last", "--unique").out.contains("queued 1 jobs"))
        try await program.expectVerified()
    }

    @Test func aListWithoutAnythingNew_isNoError() async throws {
        file("urls", "http://h/a\n\nhttp://h/a\nhttp://h/b\n")
        try await enqueue("urls", "--unique").expectSuccess()
        for arguments in [["--unique"], ["--unique", "--again"], ["--unique", "--name", "n"]] {
            let result = try await program.start("runner", ["enqueue", "urls"] + arguments).wait()
            result.expectSuccess()
            #expect(
                result.out
                    == "queued nothing: runner.db has all requests of urls already (3 duplicates left out, 1 blank lines and comments)\n"
            )
        }
        let json = try await enqueue("urls", "--unique", "--if-absent", "n", "--json").json
        #expect(json["new"] as? Bool == false && json["jobs"] as? Int == 0)
        #expect(json["duplicates"] as? Int == 3)
        // Without, the list is known by its name, size and ends.
        try await enqueue("urls").expectRefusal(2, "batch 1", "--again", "--unique")
        #expect(try await program.jobs()["total"] == 2)
        // One that has nothing that could be queued is an error as ever.
        file("none", "no\n")
        #expect(try await enqueue("none", "--unique").status == 2)
        try await program.expectVerified()
    }

    @Test(
        arguments: [
            (["--range", "0..5"], "a range has no duplicates"),
            (["list", "--url", "http://h/{id}?{}"], "{id}"),
            (["list", "-H", "X: {id}"], "{id}"),
        ] as [([String], String)])
    func unique_isRefused(arguments: [String], because word: String) async throws {
        file("list", "http://h/\n")
        let result = try await program.start("runner", ["enqueue", "--unique"] + arguments).wait()
        result.expectRefusal(2, word)
    }

    @Test func oneListAtATime_isComparedWithTheQueue() async throws {
        file("other", "http://h/1\nhttp://h/2\n")
        try await program.start("/usr/bin/mkfifo", ["pipe"]).wait().expectSuccess()
        // The shell's own end keeps the pipe open.
        let script =
            "exec 3<>pipe; echo http://h/1 >&3; exec \"$0\" enqueue - --input-format lines --unique <&3"
        let first = try program.start(
            "/bin/sh", ["-c", script, Program.products + "/runner"])
        try await first.wait {
            guard FileManager.default.fileExists(atPath: program.folder.file("runner.db")) else {
                return false
            }
            let imports = try await program.start(
                "/usr/bin/sqlite3", ["-readonly", "runner.db", "SELECT count(*) FROM import"]
            ).wait()
            return imports.out == "1\n"
        }
        try await enqueue("other", "--unique").expectRefusal(4, "another process", "wait for it")
        try await enqueue("--range", "0..5").expectSuccess()
        first.kill(SIGKILL)
        _ = await first.wait()
        try await enqueue("other", "--unique").expectSuccess()
        #expect(try await program.jobs()["total"] == 7)
        try await program.expectVerified()
    }

    /// Lists at random, with their duplicates and without, against a set.
    @Test func randomLists_areAsOfASet() async throws {
        var random = SeededGenerator(seed: testSeed(for: "randomLists_areAsOfASet"))
        var (seen, jobs): (Set<String>, [String]) = ([], [])
        for number in 0..<24 {
            let isUnique = Int.random(in: 0..<4, using: &random) > 0
            var text = ""
            var new: [String] = []
            for _ in 0..<[1, 20, 3000].randomElement(using: &random)! {
                let number = Int.random(in: 0..<9000, using: &random)
                let url = "http://h/item-\(number)?q=\(number % 7)"
                let variant =
                    Bool.random(using: &random)
                    ? url : "http://h/./item%2d\(number)?%71=\(number % 7)#\(number)"
                text += variant + "\n"
                if !isUnique || !seen.contains(url) { new.append(variant) }
                seen.insert(url)
            }
            file("list-\(number)", text)
            let flags = isUnique ? ["--unique"] : []
            let result = try await program.start(
                "runner", ["enqueue", "list-\(number)"] + flags
            ).wait()
            result.expectSuccess()
            jobs += new
            #expect(
                result.out.contains(new.isEmpty ? "nothing" : "queued \(new.count.grouped) jobs"))
        }
        #expect(try await urls() == jobs)
        try await program.expectVerified()
    }
}

/// The list is queued as a whole or not at all, and so are its hashes, whenever its import is
/// killed. `RUNNER_TEST_KILLS=200` is the full length.
@Suite(.serialized) struct UniqueKillTests {
    private let program = Program()
    private let lines = 60_000

    /// Makes a queue whose next list first takes in another and, at its end, merges runs.
    private func prepare() async throws -> Int {
        for list in 0..<8 {
            let text = (0..<5).map { "http://h/\(list * 4 + $0)\n" }.joined()
            write(Array(text.utf8), to: program.folder.file("small-\(list)"))
            try await program.runner("enqueue", "small-\(list)", "--unique").expectSuccess()
        }
        let plain = (0..<5000).map { "http://h/\($0 % 4000)\n" }.joined()
        write(Array(plain.utf8), to: program.folder.file("plain"))
        try await program.runner("enqueue", "plain").expectSuccess()
        let text = (0..<lines).map { "http://h/\($0 &* 7919 % 40_009)\n" }.joined()
        write(Array(text.utf8), to: program.folder.file("urls"))
        return 33 + 5000
    }

    /// The numbers of the URLs that are new in the list.
    private var new: Set<Int> {
        Set((0..<lines).map { $0 &* 7919 % 40_009 }).filter { $0 >= 4000 }
    }

    private func check(_ before: Int, _ place: String) async throws {
        let total = try await program.jobs()["total"] ?? 0
        #expect(total == before || total == before + new.count, "\(place): \(total) jobs")
        try await program.expectVerified(place)
    }

    private func expectEnd(_ before: Int) async throws {
        try await program.runner("enqueue", "urls", "--unique").expectSuccess()
        #expect(try await program.jobs()["total"] == before + new.count)
        let urls = try await program.urls().dropFirst(before)
        #expect(Set(urls) == Set(new.map { "http://h/\($0)" }) && urls.count == new.count)
        try await program.expectVerified()
        for (sql, count) in [
            ("SELECT count(*) FROM import", "0\n"),
            ("SELECT count(*) FROM hash_run WHERE batch_id IS NOT NULL", "0\n"),
            ("SELECT count(*) FROM batch WHERE is_hashed = 0", "0\n"),
        ] {
            let result = try await program.start(
                "/usr/bin/sqlite3", ["-readonly", "runner.db", sql]
            ).wait()
            #expect(result.out == count, "\(sql)")
        }
    }

    @Test(.timeLimit(.minutes(30))) func sigkill_leavesLinesAndHashes_orNeither() async throws {
        let before = try await prepare()
        var random = SeededGenerator(seed: testSeed(for: "sigkill_leavesLinesAndHashes_orNeither"))
        var killed = 0
        for kill in 1...setting("RUNNER_TEST_KILLS", default: 8) {
            let run = try program.start("runner", ["enqueue", "urls", "--unique"])
            try await Task.sleep(for: .milliseconds(Int.random(in: 1...900, using: &random)))
            run.kill(SIGKILL)
            if await run.wait().signal == SIGKILL { killed += 1 }
            try await check(before, "kill \(kill)")
        }
        #expect(killed > 0, "no import was killed, so nothing was shown")
        try await expectEnd(before)
    }

    /// Each kind of system call by which the import writes, killed at some number of it.
    @Test(.timeLimit(.minutes(10)), arguments: ["pwrite64", "fdatasync"])
    func killsAtSystemCalls_leaveLinesAndHashes_orNeither(call: String) async throws {
        let before = try await prepare()
        let numbers =
            call == "pwrite64"
            ? [1, 12, 40, 150, 400, 700, 900] : [1, 2, 3, 4, 5, 6, 7, 8, 10, 12, 14]
        for number in numbers {
            let run = try program.start(
                "/usr/bin/strace",
                [
                    "-f", "-o", "trace", "-e", "trace=\(call)", "-e",
                    "inject=\(call):signal=KILL:when=\(number)", Program.products + "/runner",
                    "enqueue", "urls", "--unique",
                ])
            _ = await run.wait()
            try await check(before, "\(call) \(number)")
        }
        try await expectEnd(before)
    }
}

extension Program {
    /// The URLs of all jobs, in order.
    fileprivate func urls() async throws -> [String] {
        let result = try await runner("export")
        result.expectSuccess()
        return result.out.split(separator: "\n").dropFirst().map { row in
            String(row.split(separator: ",", omittingEmptySubsequences: false)[2])
        }
    }
}

extension Int {
    /// The number as the program writes it: 1,234.
    fileprivate var grouped: String {
        self < 1000 ? "\(self)" : "\(self / 1000)," + String(format: "%03d", self % 1000)
    }
}
