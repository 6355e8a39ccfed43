import Foundation
import TestSupport
import Testing

/// Requests that responses lead to, under SIGKILL: each page of a site once, and each record.
/// `RUNNER_TEST_PAGES=200000 RUNNER_TEST_KILLS=100` is the full length, of lists read by cursors
/// `RUNNER_TEST_PAGES=500000`.
@Suite(.serialized) struct FollowKillTests {
    private let program = Program()

    private enum Way: String, CaseIterable {
        case links, processes, cursors

        /// Where the pages are, with their number drawn.
        func site(
            _ origin: TestOrigin, pages: Int, using random: inout SeededGenerator
        ) -> (name: String, url: String, pages: Int) {
            let seed = Int.random(in: 0..<1000, using: &random)
            guard self == .cursors else {
                let name = "\(seed).\(pages)"
                return (name, "\(origin.url)/site/\(name)", pages)
            }
            // 500,000 pages are 1,000 lists of 500.
            let lists = max(1, min(1000, pages / 50))
            let name = "\(seed).\(lists).\(pages / lists)"
            return (name, "\(origin.url)/cursors/\(name)", 1 + pages / lists * lists)
        }

        func arguments(_ url: String) throws -> [String] {
            switch self {
            case .links: ["--follow-links", "--follow-skip", "[?]"]
            case .cursors:
                [
                    "--next-json", "/paging/next", "--each-json", "/items/*/id", "--each-url",
                    "\(url)/{}",
                ]
            case .processes:
                [
                    "--handler", "exec python3 -B '\(try Tools.script("site_handler.py"))'",
                    "--follow-found",
                ]
            }
        }
    }

    @Test(.timeLimit(.minutes(60)), arguments: Way.allCases)
    private func sigkill_losesNoPage_andDoublesNone(_ way: Way) async throws {
        let length = setting("RUNNER_TEST_PAGES", default: 3000)
        let kills = setting("RUNNER_TEST_KILLS", default: 8)
        var random = SeededGenerator(seed: testSeed(for: "sigkill_losesNoPage \(way)"))
        let origin = try await TestOrigin()
        let (site, url, pages) = way.site(origin, pages: length, using: &random)
        write(Array("\(url)/0\n".utf8), to: program.folder.file("seed.txt"))
        try await program.runner("enqueue", "seed.txt").expectSuccess()
        let arguments =
            ["run", "-w", "100", "--per-host", "100", "-o", "out", "--retries", "9", "-q"]
            + ["--retry-delay", "0.1"] + (try way.arguments(url))
        var (killed, handlersKilled) = (0, 0)
        for kill in 1...kills {
            let before = try await program.status().jobs.completed
            // So many pages later, or a moment after the start.
            let step = Int.random(in: 0...(2 * pages / kills), using: &random)
            let run = try program.start("runner", arguments)
            if kill % 3 > 0 {
                let next = min(before + step, pages)
                try await run.wait { try await program.status().jobs.completed >= next }
            } else {
                try await Task.sleep(for: .milliseconds(Int.random(in: 1...400, using: &random)))
            }
            if way == .processes, kill % 2 == 0, let handler = children(of: run.pid).first {
                Glibc.kill(handler, SIGKILL)
                handlersKilled += 1
                try await Task.sleep(for: .milliseconds(Int.random(in: 1...100, using: &random)))
            }
            run.kill(SIGKILL)
            if await run.wait().signal == SIGKILL { killed += 1 }
            try await program.expectSoundQueue()
        }
        let last = try await program.start("runner", arguments).wait(seconds: 1800)
        #expect(last.status == 0, "\(last.out)\(last.err)")
        try await program.expectSoundQueue()
        let counts = try await program.status().jobs
        #expect(counts.completed == counts.total && counts.total == pages, "\(counts)")
        let records = way == .processes ? ["--records"] : []
        let check = try await program.startTool("check_site.py", ["out", site] + records).wait()
        #expect(check.status == 0, "\(check.out)\(check.err)")
        let verify = try await program.runner("verify")
        #expect(verify.status == 0, "\(verify.out)")
        let hits = try origin.hits()
        print(
            "\(way): \(pages) pages, \(killed) kills, \(handlersKilled) of handlers, \(hits.repeated) repeated"
        )
        #expect(hits.repeated <= (killed + handlersKilled) * 2000)
        #expect(killed > 0)
    }

    /// Each system call of the commits that add what was found is killed at in turn: a response and
    /// what it leads to are committed, or neither is. Strikes as `SyscallStrike` says.
    @Test(.timeLimit(.minutes(60)), arguments: ["pwrite64", "fdatasync"])
    func eachPageIsThereOnce_whereverACommitIsStruck(call: String) async throws {
        let origin = try await TestOrigin()
        let site = "5.400"
        let arguments = [
            "run", "-w", "20", "--per-host", "20", "-o", "out", "--follow-links", "--follow-skip",
            "[?]", "-q",
        ]
        try await SyscallStrike.forEachPoint(
            call, of: "whereverACommitIsStruck", firstMax: call == "pwrite64" ? 100 : 4
        ) { strike, number in
            let program = Program()
            let comment = "\(call), \(strike) at \(number)"
            write(Array("\(origin.url)/site/\(site)/0\n".utf8), to: program.folder.file("seed"))
            try await program.runner("enqueue", "seed").expectSuccess()
            let queue = program.folder.file("runner.db")
            let run = try program.start(
                struckAt: call, strike, number, paths: [queue, "\(queue)-wal"], arguments)
            let result = await run.wait(seconds: 60)
            let isStruck = result.signal != nil || result.status != 0
            try await program.expectVerified(comment)
            let last = try await program.start("runner", arguments).wait()
            #expect(last.status == 0, "\(comment): \(last.out)\(last.err)")
            try await program.expectVerified(comment)
            let check = try await program.startTool("check_site.py", ["out", site]).wait()
            #expect(check.status == 0, "\(comment): \(check.out)\(check.err)")
            return isStruck
        }
    }

    private func children(of pid: pid_t) -> [pid_t] {
        let tasks =
            (try? FileManager.default.contentsOfDirectory(atPath: "/proc/\(pid)/task")) ?? []
        return tasks.flatMap { task -> [pid_t] in
            let text = try? String(
                contentsOfFile: "/proc/\(pid)/task/\(task)/children", encoding: .utf8)
            return (text ?? "").split(separator: " ").compactMap { pid_t($0) }
        }
    }
}
