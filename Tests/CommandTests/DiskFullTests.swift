import Foundation
import TestSupport
import Testing

/// A real disk that fills up.
@Suite(.serialized, .enabled(if: Mounts.areAllowed, Mounts.need)) struct DiskFullTests {
    /// Runs a script in a mount namespace of its own, in a tmpfs of `kilobytes`.
    private func onDisk(kilobytes: Int, _ script: String) async throws -> Program.Result {
        let program = Program()
        let prelude = """
            set -eu; mkdir disk; mount -t tmpfs -o size=\(kilobytes)k tmpfs disk; cd disk
            PATH=\(Program.products):$PATH
            expect() { want=$1; shift; set +e; "$@"; got=$?; set -e; \
            [ $got -eq $want ] || { echo "exit $got, not $want: $*"; exit 99; }; }

            """
        write(Array((prelude + script).utf8), to: program.folder.file("script"))
        return try await program.start("/usr/bin/unshare", Mounts.arguments + ["sh", "script"])
            .wait()
    }

    @Test func aFullDisk_stopsTheRunWith12_andItResumes() async throws {
        let origin = try await TestOrigin()
        let result = try await onDisk(
            kilobytes: 320,
            """
            expect 0 runner enqueue --range 0..60000 --url '\(origin.url)/{id}'
            expect 12 runner run --workers 100 --json
            expect 0 runner status
            mount -o remount,size=20m .
            expect 0 runner run --workers 100
            sqlite3 runner.db 'PRAGMA integrity_check; SELECT batch_id, first, count, status FROM span JOIN outcome ON code = span.outcome'
            """)
        #expect(result.status == 0, "\(result.out) \(result.err)")
        #expect(
            result.err.contains(
                "runner: no space left for the queue runner.db; make room and try again"))
        #expect(result.out.hasSuffix("ok\n1|0|60000|200\n"))
        // What was done before, for programs.
        let printed = try #require(result.out.split(separator: "\n").first { $0.hasPrefix("{") })
        let report = try #require(
            try JSONSerialization.jsonObject(with: Data(printed.utf8)) as? [String: Any])
        #expect(report["ending"] as? String == "disk_full")
        let jobs = try #require(report["jobs"] as? [String: Int])
        #expect(jobs["completed"] == report["finished"] as? Int)
        #expect(jobs["running"] == 0 && jobs["total"] == 60_000)
        #expect(try origin.missing(of: 60_000) == 0)
        // What was in flight and in the commit that failed.
        #expect(try origin.hits().repeated <= 100 + 10_000)
    }

    @Test func enqueueOnAFullDisk_leavesNothingBehind() async throws {
        let result = try await onDisk(
            kilobytes: 100,
            """
            dd if=/dev/zero of=fill bs=1k count=60 2>/dev/null
            expect 12 runner enqueue --queue new.db --range 0..5
            ls
            expect 3 runner status --queue new.db
            rm fill
            mount -o remount,size=400k .
            expect 0 runner enqueue --queue new.db --range 0..5
            dd if=/dev/zero of=fill bs=1k 2>/dev/null || true
            expect 12 runner enqueue --queue new.db --range 0..5
            rm fill
            expect 0 runner status --queue new.db --json
            """)
        #expect(result.status == 0, "\(result.out) \(result.err)")
        #expect(result.out.hasPrefix("fill\nnew.db-lock\n"))
        #expect(result.out.contains("\"total\" : 5"))
    }
}
