import Foundation
import Runner
import TestSupport
import Testing

/// Heads as large as libcurl takes them, of many workers at a time: each field in it costs libcurl an
/// allocation, so that 280 KB of short ones take more than a megabyte.
/// `RUNNER_TEST_HEADS=3000 RUNNER_TEST_HEAD_WORKERS=1000` is the full length.
@Suite(.serialized) struct LargeHeadTests {
    private let program = Program()
    /// What takes most memory: as many fields as libcurl takes, which from 8.14 on are 5,000.
    private static let fields: String = {
        let version = CurlVersion.loaded.description.firstMatch(of: /libcurl (\d+)\.(\d+)/)!
        return (Int(version.1)!, Int(version.2)!) < (8, 14) ? "short" : "many"
    }()
    private let jobs = setting("RUNNER_TEST_HEADS", default: 60)
    private let workers = setting("RUNNER_TEST_HEAD_WORKERS", default: 300)

    private func arguments(_ format: OutputFormat, memory: String = "16M") -> [String] {
        [
            "run", "-q", "--output", "out", "--format", format.rawValue, "--max-memory", memory,
            "--workers", "\(workers)",
        ]
    }

    /// Ends a run and takes its peak memory from the kernel.
    private func peakKilobytes(of run: Program.Running) async throws -> Int {
        var peak = 0
        try await run.wait(seconds: 600) {
            let status = String(decoding: contents(of: "/proc/\(run.pid)/status"), as: UTF8.self)
            guard let match = status.firstMatch(of: /VmHWM:\s+(\d+) kB/) else { return true }
            peak = max(peak, Int(match.1) ?? 0)
            return false
        }
        let result = await run.wait()
        #expect(result.status == 0, "\(result.err)")
        return peak
    }

    @Test(
        .timeLimit(.minutes(30)), arguments: [(Self.fields, OutputFormat.jsonl), ("folded", .warc)])
    func manyLargeHeads_stayWithinMaxMemory(kind: String, format: OutputFormat) async throws {
        let origin = try await TestOrigin()
        try await program.enqueue(jobs, origin, "large-head/\(kind)/280000/{id}")
        let peak = try await peakKilobytes(of: program.start("runner", arguments(format)))
        print("manyLargeHeads: \(kind), \(format): peak \(peak) KB")
        // The program itself, 40 KB a worker and connection, the 16 MB, and as much again for what a
        // commit, a compressor or the allocator holds; without a bound it is 1.2 MB a worker.
        #expect(peak <= 32_768 + 40 * workers + 16_384 + 16_384)
        guard format == .warc else {
            return try await program.expectPerfect(format, jobs: jobs, more: ["--body", "any"])
        }
        // FastWARC reads heads of up to 64 KB.
        try await program.expectVerified()
        let check = ["-m", "warcio.cli", "check", "out/responses-00001.warc.gz"]
        try await program.start(Tools.python, check).wait(seconds: 300).expectSuccess()
    }

    /// What is in flight and not yet written is bounded, so a drain is short.
    @Test(.timeLimit(.minutes(2))) func aDrain_amidLargeHeads_endsWithinItsGrace() async throws {
        let origin = try await TestOrigin()
        try await program.enqueue(5000, origin, "large-head/\(Self.fields)/280000/{id}")
        let run = try program.start("runner", arguments(.warc) + ["--grace", "2"])
        try await run.wait { try await program.jobs()["completed"] ?? 0 > 0 }
        let begin = ContinuousClock.now
        run.kill(SIGINT)
        let result = await run.wait(seconds: 60)
        let took = ContinuousClock.now - begin
        print("aDrain_amidLargeHeads: \(took)")
        #expect(result.status == 11, "\(result.err)")
        // The grace, and a second for 32 MB that wait to be rendered; a debug build takes longer.
        let most = setting("RUNNER_TEST_DRAIN_SECONDS", default: 15)
        #expect(took < .seconds(most))
        try await program.expectVerified()
    }

    /// Address space is short from the beginning: the run goes on with what there is.
    @Test(.timeLimit(.minutes(10)), arguments: [700_000, 250_000])
    func littleAddressSpace_isEnough(kilobytes: Int) async throws {
        let origin = try await TestOrigin()
        try await program.enqueue(jobs, origin, "large-head/\(Self.fields)/280000/{id}")
        var completed = 0
        for _ in 0..<10 {
            let script = "ulimit -v \(kilobytes) && exec \"$0\" \"$@\""
            let result = try await program.shell(script, arguments(.jsonl, memory: "64M"))
            let now = try await program.jobs()["completed"] ?? 0
            if result.status == 0 && result.signal == nil { break }
            #expect(now > completed && result.err.contains("runner: "), "\(result.err)")
            completed = now
        }
        try await program.expectPerfect(.jsonl, jobs: jobs, more: ["--body", "any"])
    }

    /// Without an output heads take as much.
    @Test(.timeLimit(.minutes(10))) func heads_areBounded_whereNothingIsKept() async throws {
        let origin = try await TestOrigin()
        try await program.enqueue(jobs, origin, "large-head/\(Self.fields)/280000/{id}")
        let script = "ulimit -v 250000 && exec \"$0\" \"$@\""
        let result = try await program.shell(script, ["run", "-q", "--workers", "\(workers)"])
        #expect(result.status == 0 && result.signal == nil, "\(result.err)")
    }
}

/// What a fault of the program says.
@Suite struct FaultLineTests {
    @Test(arguments: [SIGSEGV, SIGABRT, SIGILL, SIGTRAP, SIGBUS])
    func aFault_saysOneLine_andEndsTheProcess(number: Int32) async throws {
        let origin = try await TestOrigin()
        let program = Program()
        try await program.enqueue(1, origin, "silent/{id}")
        let run = try program.start("runner", ["run", "-q"])
        try await run.wait { try origin.hits().requests > 0 }
        run.kill(number)
        let result = await run.wait(seconds: 30)
        #expect(result.signal == number)
        #expect(
            result.err
                == "runner: stopped by a fault (signal \(number)), perhaps out of memory; what was committed is safe; run again to resume\n"
        )
    }
}
