import Foundation
import JobStore
import StoreConformance
import Stores
import TestSupport
import Testing

/// Each system call of `split` and `merge` in turn is killed at, or fails as on a full or broken
/// disk: the whole queue is left as it was, or all of its shards; the shards, or one whole queue.
@Suite(.serialized) struct ShardSyscallTests {
    private static let jobs = 20_000

    static let splitCalls = [
        "openat", "pwrite64", "fsync", "fdatasync", "renameat2", "mkdir", "unlink", "rmdir",
    ]
    static let mergeCalls = ["openat", "pwrite64", "fsync", "rename"]

    /// A queue with jobs in each state, whose last runner died.
    private func makeProgram() async throws -> Program {
        let program = Program()
        let queue = StoreClient(
            to: try openQueue(at: program.folder.file("runner.db"), makesMissing: true))
        _ = try await queue.enqueue(
            JobRange(first: 0, count: Self.jobs),
            request: try RequestTemplate(parsing: "http://127.0.0.1:1/{id}"))
        try await queue.attach(RunnerDescription(pid: 1, workers: 1))
        let outcomes = [
            Outcome(.completed, status: 200), Outcome(.failed, status: 404),
            Outcome(.retrying, .timeout),
        ]
        let marks = try await queue.claim(jobs: 9000).flatMap { segment in
            segment.todo.joined().filter { $0 % 7 > 0 || $0 < 5000 }.map {
                Mark(
                    batchID: segment.batch.id, position: $0, attempt: 1,
                    outcome: outcomes[$0 < 4096 ? 0 : $0 % 3])
            }
        }
        try await queue.commit(marks, heartbeat: Heartbeat(requestsPerSecond: 1))
        await queue.close()
        return program
    }

    @Test(.timeLimit(.minutes(60)), arguments: splitCalls)
    func split_leavesTheQueueOrAllShards(call: String) async throws {
        let whole = try await makeProgram()
        let rows = try await whole.runner("export").out
        let files = try whole.files().filter { $0.key == "runner.db" }
        let command = ["split", "--into", "4", "--dir", "shards"]
        try await SyscallStrike.forEachPoint(
            call, of: "split_leavesTheQueueOrAllShards", firstMax: 40
        ) {
            strike, number in
            let comment = "\(call), \(strike) at \(number)"
            let program = Program()
            for (name, bytes) in files { write(bytes, to: program.folder.file(name)) }
            let result = try await program.start(struckAt: call, strike, number, command)
                .wait(seconds: 60)
            if result.signal == nil, result.status == 0 {
                // Removing what is left is not worth a word.
                return call == "unlink" || call == "rmdir" ? strike != .kill && number == 1 : false
            }
            if strike == .kill {
                #expect(result.signal == SIGKILL, "\(comment): \(result.err)")
            } else {
                #expect(
                    result.signal == nil && [3, 4, 12].contains(result.status),
                    "\(comment): \(result.status) \(result.err)")
                #expect(result.err.split(separator: "\n").count == 1, "\(comment): \(result.err)")
            }
            // A whole queue, of which no shard is there to be run beside it; or one that was split.
            let run = try await program.runner("enqueue", "--range", "0..1", "--if-absent", "x")
            let names = (0..<4).map { program.folder.file("shards/\($0)/runner.db") }
            if run.status == 0 {
                #expect(
                    !names.contains { FileManager.default.fileExists(atPath: $0) }, "\(comment)")
                try await program.runner("cancel", "x").expectSuccess()
            } else {
                run.expectRefusal(3, "was split into 4 queues")
            }
            let again = try await program.start("runner", command).wait()
            #expect(again.status == 0, "\(comment): \(again.err)")
            let verified = try await program.runner("verify", "--queue", "shards/*/runner.db")
            #expect(verified.status == 0, "\(comment): \(verified.out)\(verified.err)")
            let all = try await program.runner("export", "--queue", "shards/*/runner.db").out
            let isSame = all.hasPrefix(rows)
            #expect(isSame, "\(comment): jobs are not as before")
            let left = try FileManager.default.contentsOfDirectory(
                atPath: program.folder.file("shards"))
            #expect(left.sorted() == ["0", "1", "2", "3"], "\(comment)")
            return true
        }
    }

    @Test(.timeLimit(.minutes(60)), arguments: mergeCalls)
    func merge_leavesNothingHalf(call: String) async throws {
        let program = try await makeProgram()
        let rows = try await program.runner("export").out
        try await program.runner("split", "--into", "3", "--dir", "shards").expectSuccess()
        let shards = (0..<3).map { program.folder.file("shards/\($0)/runner.db") }
        let before = shards.map { contents(of: $0) }
        let command = ["merge", "--queue", "all.db", "shards/*/runner.db"]
        try await SyscallStrike.forEachPoint(call, of: "merge_leavesNothingHalf", firstMax: 40) {
            strike, number in
            let comment = "\(call), \(strike) at \(number)"
            for name in try FileManager.default.contentsOfDirectory(atPath: program.folder.path)
            where name.hasPrefix("all.db") {
                try FileManager.default.removeItem(atPath: program.folder.file(name))
            }
            let result = try await program.start(struckAt: call, strike, number, command)
                .wait(seconds: 60)
            if result.signal == nil, result.status == 0 { return false }
            if strike == .kill {
                #expect(result.signal == SIGKILL, "\(comment): \(result.err)")
            } else {
                #expect(
                    result.signal == nil && [2, 3, 12].contains(result.status),
                    "\(comment): \(result.status) \(result.err)")
                #expect(result.err.split(separator: "\n").count == 1, "\(comment): \(result.err)")
            }
            let file = program.folder.file("all.db")
            if FileManager.default.fileExists(atPath: file) {
                // Placed, and killed before it could say so.
                let verified = try await program.runner("verify", "--queue", "all.db")
                #expect(verified.status == 0, "\(comment): \(verified.out)")
            } else {
                let again = try await program.start("runner", command).wait()
                #expect(again.status == 0, "\(comment): \(again.err)")
            }
            let all = try await program.runner("export", "--queue", "all.db").out
            let isSame = all == rows
            #expect(isSame, "\(comment): jobs are not as before")
            let areUnchanged = shards.map { contents(of: $0) } == before
            #expect(areUnchanged, "\(comment)")
            return true
        }
    }
}
