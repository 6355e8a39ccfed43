import Foundation
import JobStore
import StoreConformance
import Stores
import TestSupport
import Testing

/// `runner cancel` killed between its transactions and within: each job is in one state, and giving
/// it again, or a run, takes back the rest.
@Suite(.serialized) struct CancelKillTests {
    /// So many that more than one transaction is needed.
    private static let segments = 250
    private static let range = (segments + 10) * Segment.countMax
    /// The bytes of a queue whose first batch a killed runner had begun all over; its second batch
    /// has 20 jobs.
    private let files: [String: [UInt8]]
    private let origin: TestOrigin

    init() async throws {
        origin = try await TestOrigin()
        let program = Program()
        let queue = StoreClient(
            to: try openQueue(at: program.folder.file("runner.db"), makesMissing: true))
        let request = try RequestTemplate(parsing: "\(origin.url)/{id}")
        for count in [Self.range, 20] {
            _ = try await queue.enqueue(JobRange(first: 0, count: count), request: request)
        }
        try await queue.attach(RunnerDescription(pid: 1, workers: 1))
        let claimed = try await queue.claim(jobs: Self.segments * Segment.countMax)
        #expect(claimed.count == Self.segments)
        let marks = claimed.enumerated().map { index, segment in
            Mark(
                batchID: segment.batch.id, position: segment.todo[0].lowerBound + 7, attempt: 1,
                outcome: index % 2 == 0
                    ? Outcome(.completed, status: 200) : Outcome(.retrying, status: 503))
        }
        try await queue.commit(marks, heartbeat: Heartbeat(requestsPerSecond: 1))
        await queue.close()
        files = try program.files().filter { $0.key == "runner.db" }
    }

    private func makeProgram() -> Program {
        let program = Program()
        for (name, bytes) in files { write(bytes, to: program.folder.file(name)) }
        return program
    }

    @Test(.timeLimit(.minutes(10)), arguments: ["pwrite64", "fdatasync", "ftruncate", "unlink"])
    func killsAtSystemCalls_leaveEachJobInOneState(call: String) async throws {
        var (kills, parts) = (0, 0)
        var number = 1
        while true {
            let program = makeProgram()
            let result = try await program.start(
                "/usr/bin/strace",
                [
                    "-f", "-qq", "-o", "/dev/null", "-e", "trace=\(call)", "-e",
                    "inject=\(call):signal=KILL:when=\(number)", Program.products + "/runner",
                    "cancel", "1",
                ]
            ).wait()
            guard result.signal == SIGKILL || result.status == 128 + SIGKILL else { break }
            kills += 1
            if try await expectRestIsCancelled(program, "\(call) \(number)") { parts += 1 }
            // There are thousands of writes.
            number += max(1, number / 2)
        }
        #expect(kills > 0, "\(call) is never made")
        print("killsAtSystemCalls(\(call)): \(kills) kills, \(parts) between transactions")
        if call == "fdatasync" {
            #expect(parts > 0, "no kill left a part, so nothing was shown")
        }
    }

    @Test(.timeLimit(.minutes(10)))
    func killsAtRandomMoments_leaveEachJobInOneState() async throws {
        let kills = setting("RUNNER_TEST_KILLS", default: 8)
        var random = SeededGenerator(seed: testSeed(for: "cancel_killsAtRandomMoments"))
        var killed = 0
        for kill in 1...kills {
            let program = makeProgram()
            let cancel = try program.start("runner", ["cancel", "1"])
            try await Task.sleep(for: .milliseconds(Int.random(in: 5...150, using: &random)))
            cancel.kill(SIGKILL)
            if await cancel.wait().signal == SIGKILL { killed += 1 }
            _ = try await expectRestIsCancelled(program, "kill \(kill)")
        }
        #expect(killed > 0, "no cancel was killed, so nothing was shown")
    }

    /// - Returns: Whether a part of the batch was cancelled, and the rest not.
    private func expectRestIsCancelled(_ program: Program, _ place: String) async throws -> Bool {
        try await program.expectSoundQueue(place)
        let before = try await program.status().jobs
        #expect(
            before.total == Self.range + 20 && before.completed == Self.segments / 2, "\(place)")
        let isPart = 1..<Self.range - Self.segments / 2 ~= before.cancelled
        // A run takes back the rest, too.
        if before.cancelled == 0 { try await program.runner("cancel", "1").expectSuccess() }
        let served = try origin.hits().requests
        let run = try await program.runner("run", "-q")
        #expect(run.status == 0, "\(place): \(run.out)\(run.err)")
        let after = try await program.status().jobs
        #expect(after.cancelled == Self.range - Self.segments / 2, "\(place)")
        #expect(after.completed == Self.segments / 2 + 20, "\(place)")
        #expect(try origin.hits().requests - served == 20, "\(place)")
        try await program.expectSoundQueue(place)
        return isPart
    }
}
