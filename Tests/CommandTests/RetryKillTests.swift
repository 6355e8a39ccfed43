import Foundation
import JobStore
import StoreConformance
import Stores
import TestSupport
import Testing

/// `runner retry` killed between its transactions and within: the tallies are right at each moment,
/// and the next retry, or run, does the rest, once.
@Suite(.serialized) struct RetryKillTests {
    /// So many that several transactions are needed.
    private static let segments = 1500
    private static let jobs = segments * Segment.countMax
    /// The failed jobs of each segment, timeouts among them; the others are completed.
    private static let failed = 3000
    private static let timeouts = 1000

    /// A queue of mixed segments; its second batch has 20 jobs.
    private func makeProgram() async throws -> Program {
        let program = Program()
        let path = program.folder.file("runner.db")
        let queue = StoreClient(to: try openQueue(at: path, makesMissing: true))
        let request = try RequestTemplate(parsing: "http://127.0.0.1:1/{id}")
        _ = try await queue.enqueue(JobRange(first: 0, count: Self.jobs), request: request)
        await queue.close()
        let codes =
            [UInt8](repeating: 201, count: Self.timeouts)
            + [UInt8](repeating: 202, count: Self.failed - Self.timeouts)
            + [UInt8](repeating: 203, count: Segment.countMax - Self.failed)
        let hex = codes.enumerated().map { codes[$0.offset * 17 % codes.count] }
            .map { String($0, radix: 16) }.joined()
        let counts = [
            201: Self.timeouts, 202: Self.failed - Self.timeouts,
            203: Segment.countMax - Self.failed,
        ]
        try await program.sqlite(
            path,
            """
            INSERT INTO outcome (code, state, status, reason) VALUES (201, 'failed', 0, 'timeout'),
                (202, 'failed', 404, ''), (203, 'completed', 200, '');
            DELETE FROM span;
            WITH RECURSIVE n (n) AS (SELECT 0 UNION ALL SELECT n + 1 FROM n WHERE n < \(Self.segments - 1))
            INSERT INTO segment (batch_id, first, count, todo, retrying, outcomes)
            SELECT 1, n * 4096, 4096, 0, 0, X'\(hex)' FROM n;
            \(counts.map { """
                INSERT INTO tally VALUES (1, \($0.key), \($0.value * Self.segments));
                INSERT INTO total VALUES (\($0.key), \($0.value * Self.segments));
                """ }.joined(separator: "\n"))
            UPDATE total SET count = 0 WHERE outcome = 0;
            """)
        return program
    }

    @Test(.timeLimit(.minutes(10)))
    func killsAtRandomMoments_leaveEachJobInOneState() async throws {
        let kills = setting("RUNNER_TEST_KILLS", default: 6)
        var random = SeededGenerator(seed: testSeed(for: "retry_killsAtRandomMoments"))
        let whole = try await makeProgram()
        try await whole.expectSoundQueue()
        let files = try whole.files().filter { $0.key == "runner.db" }
        var (killed, parts) = (0, 0)
        for kill in 1...kills {
            let program = Program()
            for (name, bytes) in files { write(bytes, to: program.folder.file(name)) }
            // By outcome, so that both kinds of segments are left.
            let retry = try program.start("runner", ["retry", "--outcome", "404"])
            // Within its transactions, not before.
            try await retry.wait {
                FileManager.default.fileExists(atPath: program.folder.file("runner.db-wal"))
            }
            try await Task.sleep(for: .milliseconds(Int.random(in: 0...400, using: &random)))
            retry.kill(SIGKILL)
            if await retry.wait().signal == SIGKILL { killed += 1 }
            let all = (Self.failed - Self.timeouts) * Self.segments
            try await program.expectSoundQueue("kill \(kill)")
            let before = try await program.status().jobs
            #expect(before.available + before.failed == Self.failed * Self.segments)
            if 1..<all ~= before.available { parts += 1 }
            // Before its first transaction nothing is wished for.
            if before.available == 0 {
                try await program.runner("retry", "--outcome", "404").expectSuccess()
            }
            // The next retry does the rest of it, and its own.
            let next = try await program.runner("retry", "--range", "0..1", "--json")
            next.expectSuccess()
            #expect(try next.json["jobs"] as? Int == 1, "kill \(kill)")
            try await program.expectSoundQueue("kill \(kill)")
            let after = try await program.status().jobs
            #expect(after.failed == Self.timeouts * Self.segments - 1, "kill \(kill)")
        }
        #expect(killed > 0, "no retry was killed, so nothing was shown")
        print("retry_killsAtRandomMoments: \(killed) kills, \(parts) between transactions")
    }

    /// What a kill has left is done by the next run, before its first request.
    @Test func anUnfinishedWish_isDoneByTheNextRun() async throws {
        let program = try await makeProgram()
        try await program.sqlite(
            program.folder.file("runner.db"),
            """
            INSERT INTO put_back (outcomes, batch_id, next_batch_id, next_position, jobs)
            VALUES ('timeout', 1, 1, 4096, 7)
            """)
        let run = try program.start("runner", ["run", "-q"])
        let left = Self.failed * Self.segments - Self.timeouts * (Self.segments - 1)
        try await run.wait { try await program.status().jobs.failed <= left }
        run.kill(SIGKILL)
        await run.wait()
        try await program.expectSoundQueue()
        #expect(try await program.status().jobs.failed == left)
    }

    /// What a full disk has left is done by the next retry that has room.
    @Test(.enabled(if: Mounts.areAllowed, Mounts.need))
    func aDiskThatFillsHalfWay_leavesEachJobInOneState() async throws {
        let program = try await makeProgram()
        // Room for the queue, and for a part of what the transactions write.
        let script = """
            set -eu; mkdir disk; mount -t tmpfs -o size=9m tmpfs disk; cp runner.db disk; cd disk
            PATH=\(Program.products):$PATH
            retry() { set +e; runner retry --outcome timeout; echo "exit $?"; set -e; }
            left() { runner verify; runner status | grep available; }
            retry; left; retry; left
            mount -o remount,size=64m .
            retry; left
            """
        write(Array(script.utf8), to: program.folder.file("script"))
        let result = try await program.start(
            "/usr/bin/unshare", Mounts.arguments + ["sh", "script"]
        ).wait()
        #expect(result.status == 0, "\(result.out)\(result.err)")
        let lines = result.out.split(separator: "\n")
        #expect(lines.filter { $0.hasPrefix("exit") } == ["exit 12", "exit 12", "exit 0"])
        #expect(lines.count { $0.hasPrefix("sound: runner.db") } == 3, "\(result.out)")
        let available = lines.filter { $0.contains("available") }.compactMap {
            Int($0.filter(\.isNumber))
        }
        let all = Self.timeouts * Self.segments
        #expect(available.count == 3 && 1..<all ~= available[0], "\(available)")
        #expect(available.last == all)
        #expect(
            result.err.contains("no space left for the queue runner.db; make room and try again"))
    }
}
