import Foundation
import TestSupport
import Testing

/// Real disks that fill up, become read-only or go away, under the output and under the queue.
@Suite(.serialized, .enabled(if: Mounts.areAllowed, Mounts.need)) struct OutputDiskFullTests {
    private static let jobs = 400

    /// Runs a script in a mount namespace of its own, with a tmpfs of `kilobytes` at `disk`.
    ///
    /// `full` and `perfect` read the output in `$out` by `check_output.py`.
    private func onDisk(
        kilobytes: Int, _ format: OutputFormat, origin: TestOrigin, _ script: String
    ) async throws -> Program.Result {
        let program = Program()
        let check = "'\(Tools.python)' -B '\(try Tools.script("check_output.py"))'"
        let jobs = "--format \(format.rawValue) --jobs 0..\(Self.jobs)"
        let prelude = """
            set -eu; mkdir disk; mount -t tmpfs -o size=\(kilobytes)k tmpfs disk
            PATH=\(Program.products):$PATH
            expect() { want=$1; shift; set +e; "$@" >>log 2>&1; got=$?; set -e; \
            [ $got -eq $want ] || { echo "exit $got, not $want: $*"; tail -n 5 log; exit 99; }; }
            full() { expect 0 runner verify; expect 0 \(check) $out \(jobs) --unfinished \
            --queue $RUNNER_QUEUE; }
            perfect() { expect 0 runner verify; expect 0 \(check) $out \(jobs) \
            --queue $RUNNER_QUEUE; }
            grow() { mount -o remount,size=200m disk; }
            enqueue() { expect 0 runner enqueue --range 0..\(Self.jobs) \
            --url '\(origin.url)/mixed/{id}'; }
            output="--output disk/out --format \(format.rawValue) --rotate-size 200k"
            export RUNNER_QUEUE=runner.db; out=disk/out

            """
        write(Array((prelude + script + "\ncat log\n").utf8), to: program.folder.file("script"))
        return try await program.start("/usr/bin/unshare", Mounts.arguments + ["sh", "script"])
            .wait()
    }

    @Test(arguments: OutputFormat.allCases)
    func aFullOutputDisk_stopsTheRunWith12_andItResumes(format: OutputFormat) async throws {
        let origin = try await TestOrigin()
        let result = try await onDisk(
            kilobytes: 700, format, origin: origin,
            """
            enqueue
            expect 12 runner run $output
            grep -q '^runner: no space left' log
            grep -q '^disk_full: .* left: make room and run again$' log
            full
            expect 12 runner run --json -q
            tail -n 2 log | grep -q '^{.*"ending":"disk_full".*"running":0.*}$'
            full
            grow
            expect 0 runner run
            perfect
            """)
        #expect(result.status == 0, "\(result.out) \(result.err)")
        #expect(try origin.missing(of: Self.jobs) == 0)
    }

    @Test(arguments: [OutputFormat.jsonl, .files])
    func aFullDiskUnderTheQueue_stopsTheRunWith12_andItResumes(format: OutputFormat)
        async throws
    {
        let origin = try await TestOrigin()
        let result = try await onDisk(
            kilobytes: 260, format, origin: origin,
            """
            out=out; export RUNNER_QUEUE=disk/runner.db
            enqueue
            dd if=/dev/zero of=disk/fill bs=1k 2>/dev/null || true
            truncate -s -40k disk/fill
            expect 12 runner run --output out --format \(format.rawValue)
            rm disk/fill; grow
            full_or_none() { [ ! -d out ] || full; }
            full_or_none
            expect 0 runner run --output out --format \(format.rawValue)
            perfect
            """)
        #expect(result.status == 0, "\(result.out) \(result.err)")
    }

    /// Looked at after each commit, of 16 MB at most; what is on its way then is still kept.
    @Test func minFreeDisk_stopsTheRunWith12_beforeTheDiskIsFull() async throws {
        let origin = try await TestOrigin()
        let result = try await onDisk(
            kilobytes: 80_000, .files, origin: origin,
            """
            expect 0 runner enqueue --range 0..400 --url '\(origin.url)/body/200000/{id}'
            expect 12 runner run $output --min-free-disk 40M --workers 10
            grep -q 'min-free-disk' log
            expect 0 runner verify
            echo "free: $(($(stat -f -c '%a * %S' disk)))"
            expect 12 runner run --min-free-disk 40M
            grow
            expect 0 runner run --min-free-disk 40M
            expect 0 runner verify
            """)
        #expect(result.status == 0, "\(result.out) \(result.err)")
        let free = result.out.firstMatch(of: /free: (\d+)/).flatMap { Int($0.1) }
        #expect(free ?? 0 > 20_000_000, "\(result.out)")
        // Nothing is asked for while there is too little room from the beginning.
        #expect(try origin.hits().repeated < 200)
    }

    @Test(arguments: [OutputFormat.jsonl, .files])
    func aReadOnlyFolder_stopsTheRunWith3_andItResumes(format: OutputFormat) async throws {
        let origin = try await TestOrigin()
        let result = try await onDisk(
            kilobytes: 100_000, format, origin: origin,
            """
            enqueue
            mount -o remount,ro disk
            expect 3 runner run $output
            mount -o remount,rw disk
            expect 0 runner run $output --max-body 3M
            expect 0 runner enqueue --range 0..10 --url '\(origin.url)/mixed/{id}'
            mount -o remount,ro disk
            expect 3 runner run
            grep -q 'disk/out' log
            mount -o remount,rw disk
            expect 0 runner run
            expect 0 runner verify
            """)
        #expect(result.status == 0, "\(result.out) \(result.err)")
    }

    // MARK: - A folder that goes away

    /// A run in the middle of its work, with some of its output on disk.
    private func startRun(_ program: Program, _ format: OutputFormat, _ origin: TestOrigin)
        async throws -> Program.Running
    {
        try await program.enqueue(2000, origin, "mixed/20/{id}")
        let run = try program.start(
            "runner",
            ["run", "--output", "out", "--format", format.rawValue, "--workers", "8", "-q"])
        try await run.wait { try await program.jobs()["completed"] ?? 0 > 200 }
        return run
    }

    @Test(arguments: [OutputFormat.jsonl, .files])
    func aFolderMovedAway_stopsTheRunWith3_andItResumesWhenItIsBack(format: OutputFormat)
        async throws
    {
        let origin = try await TestOrigin()
        let program = Program()
        let run = try await startRun(program, format, origin)
        try FileManager.default.moveItem(
            atPath: program.folder.file("out"), toPath: program.folder.file("away"))
        let result = await run.wait(seconds: 30)
        result.expectStop(3, "out")
        #expect(try await program.jobs()["running"] == 0)

        try await program.runner("run").expectStop(3, program.folder.file("out"))
        #expect(!FileManager.default.fileExists(atPath: program.folder.file("out")))
        try FileManager.default.moveItem(
            atPath: program.folder.file("away"), toPath: program.folder.file("out"))
        try await program.finish()
        try await program.expectPerfect(format, jobs: 2000)
    }

    @Test(arguments: [OutputFormat.jsonl, .files])
    func aFolderRemoved_stopsTheRunWith3_andTheNext(format: OutputFormat) async throws {
        let origin = try await TestOrigin()
        let program = Program()
        let run = try await startRun(program, format, origin)
        let remove = try await program.start("/bin/rm", ["-rf", "out"]).wait()
        #expect(remove.status == 0 || remove.err.contains("not empty"), "\(remove.err)")
        let result = await run.wait(seconds: 30)
        result.expectStop(3, "out")
        // Whatever was marked is gone: going on would leave it out in silence.
        let hits = try origin.hits().requests
        let next = try await program.runner("run")
        #expect(next.status == 3, "\(next.err)")
        #expect(try origin.hits().requests == hits)
        #expect(try await program.runner("verify").status != 0)
    }

    @Test func anOutputFileRemoved_stopsTheRunWith3() async throws {
        let origin = try await TestOrigin()
        let program = Program()
        let run = try await startRun(program, .jsonl, origin)
        let file = try program.lastFile(of: .jsonl)
        try FileManager.default.removeItem(atPath: program.folder.file(file))
        let result = await run.wait(seconds: 30)
        result.expectStop(3, "responses-0000")
    }
}
