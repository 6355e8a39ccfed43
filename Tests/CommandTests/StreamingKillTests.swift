import Foundation
import TestSupport
import Testing

/// A list that is taken as it comes, whose import is killed again and again: each line is a job
/// once, and those of a host are in order. `RUNNER_TEST_KILLS=200` is the full length.
@Suite(.serialized) struct StreamingKillTests {
    private static let lines = 200_000
    private static let text = Array(
        (0..<lines).map { number in
            "http://h\(number &* 31 % 97).example/item-\(number &* 2_654_435_761 % 1_000_003)\n"
        }.joined().utf8.dropLast())

    /// The ways in which a list comes.
    enum Source: String, CaseIterable {
        case file, gzip, pipe

        /// The arguments of a shell that becomes the import.
        var script: String {
            switch self {
            case .file: "exec \"$0\" enqueue --streaming urls"
            case .gzip: "exec \"$0\" enqueue --streaming urls.gz"
            case .pipe:
                "exec \"$0\" enqueue --streaming --continue --if-absent l -i - < <(cat urls)"
            }
        }
    }

    private func makeProgram() async throws -> Program {
        let program = Program()
        write(Self.text, to: program.folder.file("urls"))
        try await program.shell("gzip -k1 urls", []).expectSuccess()
        return program
    }

    /// Checks that the jobs are the first lines of the list, and says how many they are.
    private func expectPrefix(_ program: Program, _ comment: String) async throws -> Int {
        guard FileManager.default.fileExists(atPath: program.folder.file("runner.db")) else {
            return 0
        }
        let result = try await program.runner("status", "--json")
        result.expectSuccess()
        let total = try #require(try result.json["jobs"] as? [String: Int])["total"] ?? -1
        let unfinished = try result.json["imports"] as? [[String: Any]] ?? []
        if let list = unfinished.first {
            #expect(list["records"] as? Int == total && list["lines"] as? Int == total)
            #expect(list["active"] as? Bool == false, "\(comment)")
        } else {
            #expect(total == 0 || total == Self.lines, "\(comment): \(total) jobs, and no import")
        }
        try await program.expectVerified(comment)
        return total
    }

    /// Checks that the first lines are jobs, each once and in order within its host.
    private func expectJobs(_ count: Int, _ program: Program, _ comment: String) async throws {
        // By programs: a debug build takes seconds for so many lines.
        let script = """
            set -eu; export LC_ALL=C
            "$0" export --format jsonl | sed -n 's/.*"url":"\\([^"]*\\)".*/\\1/p' >jobs
            [ $(wc -l <jobs) -eq \(count) ]
            sort -s -t/ -k3,3 jobs >by-host
            head -n \(count) urls | sort -s -t/ -k3,3 | cmp - by-host
            """
        let result = try await program.shell(script, [])
        #expect(
            result.status == 0,
            "\(comment): the jobs are not the first \(count) lines: \(result.out)\(result.err)")
    }

    @Test(.timeLimit(.minutes(60)), arguments: Source.allCases)
    func sigkill_leavesTheFirstLines_andTheRestFollows(source: Source) async throws {
        let kills = setting("RUNNER_TEST_KILLS", default: 3)
        var random = SeededGenerator(seed: testSeed(for: "streaming_\(source.rawValue)"))
        var program = try await makeProgram()
        var (total, hits) = (0, 0)
        for kill in 1...kills {
            let comment = "kill \(kill)"
            let run = try program.start(
                "/bin/bash", ["-c", source.script, Program.products + "/runner"])
            // At a moment of any kind, or some moment after one of its transactions.
            if kill % 3 > 0 {
                let commits = Int.random(in: 1...4, using: &random)
                await waitForWrites(commits, of: run, in: program)
            }
            let delay = Int.random(in: 0...(kill % 3 > 0 ? 60 : 700), using: &random)
            try await Task.sleep(for: .milliseconds(delay))
            run.kill(SIGKILL)
            let result = await run.wait()
            #expect(result.signal == SIGKILL || result.status == 0, "\(comment): \(result.err)")
            let before = total
            total = try await expectPrefix(program, comment)
            #expect(total >= before, "\(comment)")
            if result.signal == SIGKILL, (1..<Self.lines).contains(total) { hits += 1 }
            if total == Self.lines {
                try await expectJobs(total, program, comment)
                (program, total) = (try await makeProgram(), 0)
            }
        }
        let last = try await program.start(
            "/bin/bash", ["-c", source.script, Program.products + "/runner"]
        ).wait()
        #expect(last.status == 0, "\(last.err)")
        #expect(try await expectPrefix(program, "the last one") == Self.lines)
        try await expectJobs(Self.lines, program, "the last one")
        print("streaming \(source.rawValue): \(hits) of \(kills) kills left a part of the list")
    }

    /// Waits until the queue's log was written to so often, or the import has ended.
    private func waitForWrites(
        _ count: Int, of run: Program.Running, in program: Program
    ) async {
        let log = program.folder.file("runner.db-wal")
        func written() -> Int {
            var status = stat()
            return stat(log, &status) == 0
                ? status.st_mtim.tv_sec &* 1_000_000_000 &+ status.st_mtim.tv_nsec : 0
        }
        var (last, changes) = (written(), 0)
        let deadline = ContinuousClock.now + .seconds(20)
        while changes < count, kill(run.pid, 0) == 0, !run.out.contains("queued"),
            ContinuousClock.now < deadline
        {
            try? await Task.sleep(for: .milliseconds(1))
            let now = written()
            if now != last { (last, changes) = (now, changes + 1) }
        }
    }

    /// Each kind of system call by which the import writes, killed at some number of it:
    /// `RUNNER_TEST_SYSCALL_STEP` says at each how many.
    @Test(.timeLimit(.minutes(60)), arguments: ["pwrite64", "fdatasync", "openat", "read"])
    func killsAtSystemCalls_leaveTheFirstLines(call: String) async throws {
        let step = setting("RUNNER_TEST_SYSCALL_STEP", default: 0)
        let most = call == "pwrite64" ? 700 : 30
        let numbers =
            step > 0
            ? Array(stride(from: 1, through: most, by: step))
            : call == "pwrite64" ? [30, 350] : [7]
        var program = try await makeProgram()
        var (total, killed) = (0, 0)
        for number in numbers {
            let comment = "\(call) \(number)"
            let run = try program.start(
                "/usr/bin/strace",
                [
                    "-f", "-o", "trace", "-e", "trace=\(call)", "-e",
                    "inject=\(call):signal=KILL:when=\(number)", Program.products + "/runner",
                    "enqueue", "--streaming", "urls",
                ])
            let result = await run.wait()
            if result.status != 0 || result.signal != nil { killed += 1 }
            let before = total
            total = try await expectPrefix(program, comment)
            #expect(total >= before, "\(comment)")
            if total == Self.lines {
                try await expectJobs(total, program, comment)
                (program, total) = (try await makeProgram(), 0)
            }
        }
        #expect(killed > 0, "no import was killed, so nothing was shown")
        let last = try await program.runner("enqueue", "--streaming", "urls")
        #expect(last.status == 0, "\(last.err)")
        try await expectJobs(Self.lines, program, "after \(call)")
        try await program.expectVerified()
    }

    @Test(.timeLimit(.minutes(10))) func aRun_goesOnBesideAnImport_andIsKilledWithIt() async throws
    {
        let origin = try await TestOrigin()
        let program = Program()
        let count = 30_000
        let text = (0..<count).map { "\(origin.url)/\($0)\n" }.joined()
        write(Array(text.utf8), to: program.folder.file("urls"))
        for round in 0..<3 {
            let adding = try program.start("runner", ["enqueue", "--streaming", "urls"])
            try await adding.wait { try await program.total > 0 }
            let run = try program.start("runner", ["run", "-q", "--follow", "--output", "out"])
            let before = try origin.hits().requests
            try await run.wait { try origin.hits().requests > before + 50 }
            adding.kill(SIGKILL)
            run.kill(SIGKILL)
            let added = await adding.wait()
            _ = await run.wait()
            try await program.expectVerified("round \(round)")
            if added.status == 0, added.signal == nil { break }
        }
        let total = try await program.total
        if total < count {
            let last = try await program.runner("enqueue", "--streaming", "urls")
            #expect(last.status == 0, "\(last.err)")
        }
        #expect(try await program.total == count)
        let last = try await program.start("runner", ["run", "-q"]).wait(seconds: 300)
        #expect(last.status == 0, "\(last.err)")
        #expect(try origin.missing(of: count) == 0)
        #expect(try await program.jobs()["completed"] == count)
        try await program.expectVerified()
    }
}
