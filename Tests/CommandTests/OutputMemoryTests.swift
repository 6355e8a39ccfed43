import Foundation
import TestSupport
import Testing

/// Large bodies of many workers stay within `--max-memory`, and get through.
/// `RUNNER_TEST_BODY_KB=10000 RUNNER_TEST_BODIES=400 RUNNER_TEST_MEMORY_MB=64` is the full length.
@Suite(.serialized) struct OutputMemoryTests {
    /// Ends a run and takes its peak memory from the kernel, whose high-water mark only rises.
    private func peakKilobytes(of run: Program.Running) async throws -> Int {
        var peak = 0
        try await run.wait(seconds: 600) {
            let status = String(decoding: contents(of: "/proc/\(run.pid)/status"), as: UTF8.self)
            guard let match = status.firstMatch(of: /VmHWM:\s+(\d+) kB/) else {
                return true  // it has ended, and gave its memory back
            }
            peak = max(peak, Int(match.1) ?? 0)
            return false
        }
        let result = await run.wait()
        #expect(result.status == 0, "\(result.err)")
        return peak
    }

    /// The quickest stands for all by default.
    static let formats: [OutputFormat] =
        setting("RUNNER_TEST_BODY_KB", default: 0) > 0 ? OutputFormat.allCases : [.files]

    @Test(.timeLimit(.minutes(60)), arguments: formats)
    func manyLargeBodies_stayWithinMaxMemory(format: OutputFormat) async throws {
        let bytes = setting("RUNNER_TEST_BODY_KB", default: 250) * 1000
        let memory = setting("RUNNER_TEST_MEMORY_MB", default: 8)
        let jobs = setting("RUNNER_TEST_BODIES", default: 220)
        let origin = try await TestOrigin()
        let workers = ["-q", "--workers", "200", "--max-body", "\(bytes)"]

        let plain = Program()
        try await plain.enqueue(jobs, origin, "body/\(bytes)/{id}")
        let without = try await peakKilobytes(of: plain.start("runner", ["run"] + workers))

        let program = Program()
        try await program.enqueue(jobs, origin, "body/\(bytes)/{id}")
        let with = try await peakKilobytes(
            of: program.start(
                "runner",
                [
                    "run", "--output", "out", "--format", format.rawValue, "--max-memory",
                    "\(memory)M",
                ] + workers))
        print("manyLargeBodies: \(format): peak \(with) KB, \(without) KB without output")
        // And what a commit, a compressor or an allocator holds beside.
        #expect(with <= without + memory * 1024 + 24_576)
        try await program.expectVerified()
        try await program.checkOutput(format, jobs: jobs, more: ["--body", "any"])
    }

    /// Half of the workers are held up by bodies that never end: the others go on, and when all
    /// time out the run ends.
    @Test(.timeLimit(.minutes(2)))
    func bodiesThatStall_doNotLockTheOthersOut() async throws {
        let origin = try await TestOrigin()
        let program = Program()
        try await program.enqueue(20, origin, "slow-body/1000/4000000/{id}")
        try await program.enqueue(40, origin, "body/400000/{id}")
        let run = try program.start(
            "runner",
            [
                "run", "-q", "--output", "out", "--format", "jsonl", "--max-memory", "1M",
                "--workers", "40", "--max-time", "3", "--retries", "0",
            ])
        let result = await run.wait(seconds: 60)
        #expect(result.status == 1, "\(result.err)")
        let jobs = try await program.jobs()
        #expect(jobs["failed"] == 20 && jobs["completed"] == 40)
        try await program.expectVerified()
    }
}
