import Foundation
import JobStore
import Stores
import TestSupport
import Testing

/// The promise of docs/OUTPUT.md under SIGKILL: each completed job has exactly one record, with its
/// own body. `RUNNER_TEST_KILLS=200` is the full length.
@Suite(.serialized) struct OutputKillTests {
    @Test(.timeLimit(.minutes(60)), arguments: OutputFormat.allCases)
    func sigkill_atRandomMoments_leavesEachJobOneRecord(format: OutputFormat) async throws {
        let kills = setting("RUNNER_TEST_KILLS", default: 3)
        let jobs = 400 + 400 * kills
        var random = SeededGenerator(seed: testSeed(for: "sigkill_atRandomMoments \(format)"))

        let origin = try await TestOrigin()
        let program = Program()
        try await program.enqueue(jobs, origin, "mixed/20/{id}")
        let output = [
            "--output", "out", "--format", format.rawValue, "--rotate-size", "300k",
        ]
        var killed = 0
        for kill in 1...kills {
            // Until the queue knows of it; after that a plain run is enough.
            let isKnown = try await program.hasOutput()
            let run = try program.start(
                "runner", ["run", "--workers", "50"] + (isKnown ? [] : output))
            // From before the first request to well into the run.
            try await Task.sleep(for: .milliseconds(Int.random(in: 5...300, using: &random)))
            // Where a machine is so busy that no run came so far, the last one does.
            if kill == kills, !isKnown { try await run.wait { try await program.hasOutput() } }
            run.kill(SIGKILL)
            let result = await run.wait()
            // A slow machine's kill may come late; it must not come to nothing all the time.
            guard result.signal == SIGKILL else { break }
            killed += 1
            try await program.expectSoundQueue("kill \(kill)")
            // Not each time at full length: what there is to read grows with each.
            guard isKnown, kill % max(2, kills / 5) == 0 else { continue }
            try await program.expectVerified("kill \(kill)")
            try await program.checkOutput(
                format, jobs: jobs, more: ["--unfinished", "--queue", "runner.db"],
                comment: "kill \(kill)")
        }
        #expect(killed > 0, "no run was killed, so nothing was shown")
        try await program.finish()
        // A file is sealed between two commits: how many there are depends on the machine.
        try await program.expectPerfect(
            format, jobs: jobs, more: ["--queue", "runner.db", "--min-files", "2"])
        #expect(try origin.missing(of: jobs) == 0)
        print("sigkill_atRandomMoments: \(format): \(jobs) jobs, \(killed) kills")
    }

    /// Records of the responses on the way are cut back with the job's own.
    @Test(.timeLimit(.minutes(10)))
    func sigkill_amidRedirects_leavesEachJobOneRecord() async throws {
        let kills = setting("RUNNER_TEST_KILLS", default: 3)
        let jobs = 300 + 300 * kills
        var random = SeededGenerator(seed: testSeed(for: "sigkill_amidRedirects"))
        let origin = try await TestOrigin()
        let program = Program()
        try await program.enqueue(jobs, origin, "redirect/3/{id}")
        var killed = 0
        for kill in 1...kills {
            let run = try program.start(
                "runner",
                [
                    "run", "--workers", "50", "--output", "out", "--format", "warc",
                    "--rotate-size", "300k",
                ])
            try await Task.sleep(for: .milliseconds(Int.random(in: 50...400, using: &random)))
            // As above: the last one comes as far as to have an output.
            if kill == kills { try await run.wait { try await program.hasOutput() } }
            run.kill(SIGKILL)
            guard await run.wait().signal == SIGKILL else { break }
            killed += 1
            try await program.expectSoundQueue("kill \(kill)")
        }
        #expect(killed > 0, "no run was killed, so nothing was shown")
        try await program.finish()
        try await program.expectPerfect(
            .warc, jobs: jobs, more: ["--queue", "runner.db", "--body", "any"])
        try await program.shell("gzip -dc out/*.warc.gz | grep -ac '^Runner-Hop: ' >hops", [])
            .expectSuccess()
        let hops = String(decoding: contents(of: program.folder.file("hops")), as: UTF8.self)
        #expect(hops == "\(3 * jobs)\n")
    }

    /// Drains and what a second signal cuts short leave no half record either.
    @Test(.timeLimit(.minutes(10))) func signals_leaveEachJobOneRecord() async throws {
        let format = OutputFormat.files
        let origin = try await TestOrigin()
        let program = Program()
        try await program.enqueue(1500, origin, "mixed/20/{id}")
        for round in 0..<2 {
            let before = try origin.hits().requests
            let run = try program.start(
                "runner",
                ["run", "--output", "out", "--format", format.rawValue, "--workers", "50"])
            try await run.wait { try origin.hits().requests > before + 300 }
            run.kill(SIGTERM)
            if round == 1 { run.kill(SIGINT) }
            let result = await run.wait(seconds: 30)
            #expect(result.status == 11, "\(result.err)")
            try await program.expectVerified("round \(round)")
            // A drain ends with whole files: nothing of them is excused.
            let left = try await program.status().jobs.available
            try await program.checkOutput(
                format, jobs: 1500, more: ["--missing", "\(left)", "--queue", "runner.db"])
        }
        try await program.finish()
        try await program.expectPerfect(format, jobs: 1500)
    }
}

extension Program {
    /// Whether the queue remembers an output by now.
    func hasOutput() async throws -> Bool {
        let queue = try openLedger(at: folder.file("runner.db"))
        let output = try await queue.output(of: .only)
        await queue.close()
        return output.settings != nil
    }
}
