import Foundation
import TestSupport
import Testing

/// `split` where more goes wrong than one system call: see `ShardSyscallTests` for these.
@Suite(.serialized) struct SplitTroubleTests {
    private static let command = ["split", "--into", "4", "--dir", "shards"]

    private func makeProgram() async throws -> Program {
        let program = Program()
        try await program.runner(
            "enqueue", "--range", "0..20000", "--url", "http://127.0.0.1:1/{id}"
        ).expectSuccess()
        return program
    }

    private func isThere(_ name: String, _ program: Program) -> Bool {
        FileManager.default.fileExists(atPath: program.folder.file(name))
    }

    /// The log may hold all of a commit whose sync has failed: whoever reads it after a kill takes it
    /// for done. Then the shards must be there.
    @Test(.timeLimit(.minutes(2)))
    func aCommitThatFailed_andHappensAfterAKill_hasItsShards() async throws {
        let whole = try await makeProgram()
        let calls = try await trace(whole, "fdatasync,renameat2", Self.command)
        let placed = try #require(calls.firstIndex { $0.contains("renameat2(") })
        let thread = try #require(calls[placed].split(separator: " ").first)
        // The last one is that of the commit.
        let syncs = calls[..<placed].count { $0.hasPrefix(thread) && $0.contains("fdatasync(") }
        for number in [syncs - 1, syncs] {
            let comment = "fdatasync \(number) of \(syncs)"
            let program = try await makeProgram()
            // The drafts are removed, or in their places, before their folder is.
            let result = try await program.start(
                injecting: ["fdatasync:error=EIO:when=\(number)", "rmdir:signal=KILL"],
                Self.command
            ).wait(seconds: 60)
            #expect(result.signal == SIGKILL || result.status == 3, "\(comment): \(result.err)")
            let again = try await program.start("runner", Self.command).wait()
            #expect(again.status == 0, "\(comment): \(again.err)")
            for shard in 0..<4 {
                #expect(isThere("shards/\(shard)/runner.db", program), "\(comment)")
            }
            let status = try await program.runner("status", "--queue", "shards/*/runner.db")
            #expect(status.out.contains("20,000"), "\(comment): \(status.out)")
        }
    }

    /// Runs the program, and returns its system calls, with the process and the paths of files.
    private func trace(
        _ program: Program, _ calls: String, _ command: [String]
    ) async throws -> [Substring] {
        let strace = ["-f", "-qq", "-y", "-o", "calls", "-e", "trace=\(calls)"]
        let result = try await program.start(
            "/usr/bin/strace", strace + [Program.products + "/runner"] + command
        ).wait()
        #expect(result.status == 0, "\(result.err)")
        return String(decoding: contents(of: program.folder.file("calls")), as: UTF8.self)
            .split(separator: "\n")
    }

    /// The first puts the shards in their places, slowly; the second must not take them from it.
    @Test(.timeLimit(.minutes(1)))
    func whoSplitsMeanwhile_isRefused() async throws {
        let program = try await makeProgram()
        let first = try program.start(
            injecting: ["renameat2:delay_enter=300ms"], Self.command)
        try await first.wait { isThere("shards/0/runner.db", program) }
        let second = try await program.start("runner", Self.command).wait()
        second.expectRefusal(4, "runs the queue runner.db")
        await first.wait().expectSuccess()
        let third = try await program.start("runner", Self.command).wait()
        #expect(third.status == 0 && third.out.contains("was split before"), "\(third.err)")
        try await program.runner("verify", "--queue", "shards/*/runner.db").expectSuccess()
    }

    /// A name is durable once the folder that it is in is synced.
    @Test(.timeLimit(.minutes(1)))
    func newFolders_areDurable_beforeTheQueueIsSplit() async throws {
        let program = try await makeProgram()
        let calls = try await trace(
            program, "mkdir,fsync,fdatasync,renameat2",
            ["split", "--into", "2", "--dir", "a/b/shards"])
        let placed = try #require(calls.firstIndex { $0.contains("renameat2(") })
        let split = try #require(calls[..<placed].lastIndex { $0.contains("runner.db-wal>") })
        let root = program.folder.path
        for (folder, parent, end) in [
            ("a", "", split), ("a/b", "/a", split), ("a/b/shards", "/a/b", split),
            ("/0", "/a/b/shards", placed), ("/1", "/a/b/shards", placed),
        ] {
            let made = try #require(
                calls.firstIndex { $0.contains("mkdir(") && $0.contains("\(folder)\", ") })
            let isSynced = calls[..<end].dropFirst(made).contains {
                $0.contains(" fsync(") && $0.contains("\(root)\(parent)>")
            }
            #expect(isSynced, "\(folder): \(calls)")
        }
    }

    /// Those that have no job of it would give its ID to the next one.
    @Test func aRangeOfFewerJobsThanShards_isRefusedInEachShard() async throws {
        let program = Program()
        for shard in ["0/5", "4/5"] {
            try await program.runner("enqueue", "--shard", shard, "--range", "0..3")
                .expectRefusal(2, "--shard \(shard)", "3 shards at most")
        }
        #expect(try program.files().isEmpty)
    }

    @Test func aWholeBatchInAShard_isRefused_withWhatToDo() async throws {
        let program = try await makeProgram()
        try await program.start("runner", Self.command).wait().expectSuccess()
        let shard = ["--queue", "shards/2/runner.db"]
        write(Array("http://127.0.0.1/a\n".utf8), to: program.folder.file("urls.txt"))
        for jobs in [["--range", "0..5"], ["urls.txt"], ["urls.txt", "--streaming"]] {
            let result = try await program.start("runner", ["enqueue"] + shard + jobs).wait()
            result.expectRefusal(3, "holds shard 2/4", "--shard 2/4", "--queue")
        }
    }
}
