import Glibc
import TestServer
import TestSupport
import Testing

/// Sealed files are handed to the command of `--on-seal`, each of them, whatever happens.
@Suite(.serialized) struct OnSealTests {
    private let program = Program()

    private func enqueue(_ jobs: Int, _ origin: Origin, _ path: String = "{id}") async throws {
        try await program.runner(
            "enqueue", "--range", "0..\(jobs)", "--url", "\(origin.url)/\(path)"
        ).expectSuccess()
    }

    private func start(_ command: String, _ more: String...) throws -> Program.Running {
        try program.start(
            "runner", ["run", "--output", "out", "--on-seal", command, "-w", "10"] + more)
    }

    private func lines(of name: String) -> [String] {
        text(of: name).split(separator: "\n").map(String.init)
    }

    private func text(of name: String) -> String {
        String(decoding: contents(of: program.folder.file(name)), as: UTF8.self)
    }

    private func isThere(_ name: String) -> Bool { access(program.folder.file(name), F_OK) == 0 }

    /// Waits for a command that told its process ID to be gone.
    private func expectGone(_ pid: pid_t, _ run: Program.Running) async throws {
        try await run.wait { kill(pid, 0) != 0 }
    }

    @Test func eachFile_isHandedOver_once_andTheLastOne() async throws {
        let origin = try await Origin.start()
        try await enqueue(300, origin, "delay/50/{id}")
        let command = """
            [ "$1" = "$RUNNER_FILE" ] && echo "got $(basename "$1")" && cp "$1" "copy-$(basename "$1")" \
              && ls /proc/self/fd >descriptors && basename "$1" >>log
            """
        let first = try await start(command, "--rotate-size", "10k").wait()
        first.expectNoFailure()
        let log = lines(of: "log")
        #expect(log.count > 3)
        #expect(Set(log).count == log.count)
        #expect(log == log.sorted())
        var records = 0
        for name in log {
            let copy = contents(of: program.folder.file("copy-\(name)"))
            #expect(copy == contents(of: program.folder.file("out/\(name)")))
            records += copy.count { $0 == UInt8(ascii: "\n") }
            #expect(first.err.contains("on-seal: \(name): got \(name)\n"))
        }
        #expect(records == 300)
        // Input, output, error, and the folder that is listed: nothing of the run's.
        #expect(lines(of: "descriptors") == ["0", "1", "2", "3"])

        // Nothing is left for a second run; what it fetches goes to other files.
        try await enqueue(5, origin)
        try await start(command).wait().expectNoFailure()
        #expect(lines(of: "log").dropLast() == log[...])
        try await program.runner("verify").expectSuccess()
        await origin.stop()
    }

    @Test func aCommandThatFails_isRunAgain_untilItSucceeds() async throws {
        let origin = try await Origin.start()
        try await enqueue(10, origin)
        let command = "echo try >>tries; echo trouble >&2; [ $(wc -l <tries) -ge 3 ]"
        let result = try await start(command).wait()
        result.expectNoFailure()
        #expect(lines(of: "tries").count == 3)
        #expect(result.err.contains("on-seal: responses-00001.jsonl: trouble\n"))
        #expect(
            result.err.contains(
                "on-seal: responses-00001.jsonl: the command ended with 1; again in "))
        await origin.stop()
    }

    @Test func aCommandThatNeverSucceeds_endsTheRunWith12_andIsTheNextRuns() async throws {
        let origin = try await Origin.start()
        try await enqueue(10, origin)
        let result = try await start("kill -9 $$", "--max-stall", "1", "--json").wait()
        #expect(result.status == 12, "\(result.err)")
        #expect(result.out.contains(#""ending":"unhanded""#))
        #expect(result.err.contains("the command was ended by signal 9; again in "))
        #expect(
            result.err.contains(
                "on-seal: 1 sealed file is not handed over; run again with --on-seal"))
        // A run without the command leaves it alone; one with it goes on.
        try await program.runner("run", "-q").expectSuccess()
        try await start("basename $1 >>log").wait().expectNoFailure()
        #expect(lines(of: "log") == ["responses-00001.jsonl"])
        await origin.stop()
    }

    @Test func afterAKill_theFileIsHandedOverAgain_andTheQueueIsNotLocked() async throws {
        let origin = try await Origin.start()
        try await enqueue(10, origin)
        let command = "basename $1 >>log; [ -e go ] || { echo $$ >pid; exec sleep 1000; }"
        let run = try start(command)
        try await run.wait { text(of: "pid").hasSuffix("\n") }
        let orphan = try #require(pid_t(lines(of: "pid")[0]))
        defer { kill(orphan, SIGKILL) }
        run.kill(SIGKILL)
        await run.wait()
        #expect(kill(orphan, 0) == 0, "the command outlives the run")
        write([], to: program.folder.file("go"))
        try await start(command).wait().expectNoFailure()
        #expect(lines(of: "log") == ["responses-00001.jsonl", "responses-00001.jsonl"])
        await origin.stop()
    }

    @Test func aCommandThatNeverEnds_isEnded_whenTheGraceIsOver() async throws {
        let origin = try await Origin.start()
        try await enqueue(10, origin)
        let run = try start("echo $$ >pid; sleep 1000", "--grace", "1")
        try await run.wait { text(of: "pid").hasSuffix("\n") }
        let command = try #require(pid_t(lines(of: "pid")[0]))
        run.kill(SIGTERM)
        let result = await run.wait(seconds: 30)
        #expect(result.status == 11, "\(result.err)")
        #expect(result.err.contains("1 sealed file is not handed over"))
        try await expectGone(command, run)
        try await start("basename $1 >>log").wait().expectNoFailure()
        #expect(lines(of: "log") == ["responses-00001.jsonl"])
        await origin.stop()
    }

    @Test func aSecondSignal_endsTheCommandAtOnce() async throws {
        let origin = try await Origin.start()
        try await enqueue(10, origin)
        let run = try start("echo $$ >pid; exec sleep 1000", "--grace", "1000")
        try await run.wait { text(of: "pid").hasSuffix("\n") }
        let command = try #require(pid_t(lines(of: "pid")[0]))
        run.kill(SIGTERM)
        run.kill(SIGINT)
        let result = await run.wait(seconds: 30)
        #expect(result.status == 11, "\(result.err)")
        try await expectGone(command, run)
        await origin.stop()
    }

    @Test func aSlowCommand_holdsUpNoRequest() async throws {
        let origin = try await Origin.start()
        try await enqueue(300, origin, "delay/50/{id}")
        // It ends once all is fetched, which must not wait for it.
        let run = try start("until [ -e go ]; do sleep 0.05; done", "--rotate-size", "10k")
        try await run.wait { try await program.jobs()["completed"] == 300 }
        write([], to: program.folder.file("go"))
        await run.wait().expectNoFailure()
        await origin.stop()
    }

    @Test func aFileThatWasMovedAway_countsAsHandedOver() async throws {
        let origin = try await Origin.start()
        try await enqueue(10, origin)
        let result = try await start("mv $1 moved && false").wait()
        result.expectNoFailure()
        #expect(result.err.contains("responses-00001.jsonl is no longer in the output folder"))
        #expect(isThere("moved"))
        await origin.stop()
    }

    @Test func whereEndsOfChildrenAreIgnored_itIsHeardOfThem() async throws {
        let origin = try await Origin.start()
        try await enqueue(10, origin)
        let run =
            "trap '' CHLD; exec \(Program.products)/runner run -o out --on-seal 'echo $1 >>log'"
        try await program.start("/bin/sh", ["-c", run]).wait(seconds: 60).expectNoFailure()
        #expect(lines(of: "log").count == 1)
        await origin.stop()
    }

    @Test func withoutAnOutput_itIsRefused() async throws {
        try await program.runner("enqueue", "--range", "0..5", "--url", "http://127.0.0.1:1/{id}")
            .expectSuccess()
        for arguments in [["--on-seal", "true"], ["--on-seal", " ", "-o", "out"]] {
            let result = try await program.start("runner", ["run"] + arguments).wait()
            #expect(result.status == 2, "\(result.err)")
        }
    }
}

extension Program.Result {
    /// Expects success of a run that shows its progress.
    fileprivate func expectNoFailure(sourceLocation: SourceLocation = #_sourceLocation) {
        #expect(status == 0, "\(err)", sourceLocation: sourceLocation)
    }
}
