import Foundation
import TestSupport
import Testing

/// Hostile replies between healthy jobs: each ends as its case in `Tests/Corpus` says, and no other
/// job notices. `Tests/Tools/poison.py` does it and says what differs.
@Suite(.serialized) struct PoisonTests {
    private let program = Program()

    /// The healthy jobs of a run; a longer one takes more.
    private let jobs = setting("RUNNER_TEST_POISON_JOBS", default: 2000)

    private func poison(_ arguments: [String]) async throws -> Program.Result {
        let script = try Tools.script("poison.py")
        let runner = Program.products + "/runner"
        return try await program.start(
            Tools.python, ["-B", script, "--runner", runner] + arguments
        ).wait(seconds: 600)
    }

    /// With one worker every healthy job uses the connection that poison has been on.
    @Test(arguments: [(1, "with"), (50, "without"), (1000, "with")])
    func poison_endsAsItShould_andHarmsNoOtherJob(workers: Int, output: String) async throws {
        let seed = testSeed(for: "poison, \(workers) workers")
        let result = try await poison([
            "--cases", "own", "wpt", "--healthy", "\(jobs)", "--workers", "\(workers)",
            "--output", output, "--slow", "3", "--seed", "\(seed)",
        ])
        #expect(result.status == 0, "\(result.out)\(result.err)")
    }

    /// What stands behind a response is nobody's answer, whichever way libcurl comes by it.
    @Test(arguments: [8, 50], [[], ["--tls"]])
    func bytesBehindAResponse_answerNoJob(workers: Int, scheme: [String]) async throws {
        let seed = testSeed(for: "behind, \(workers) workers")
        let result = try await poison(
            ["--cases", "behind", "--healthy", "1000", "--workers", "\(workers)"]
                + ["--output", "with", "--seed", "\(seed)"] + scheme)
        #expect(result.status == 0, "\(result.out)\(result.err)")
    }

    /// Two of the cases name a URL without TLS.
    @Test func poisonByHTTPS_harmsNoOtherJob() async throws {
        let seed = testSeed(for: "poison by HTTPS")
        let result = try await poison([
            "--cases", "own", "wpt", "--healthy", "1000", "--workers", "50", "--output", "with",
            "--slow", "3", "--seed", "\(seed)", "--tls",
            "--without", "redirect.upper-case", "redirect.credentials",
        ])
        #expect(result.status == 0, "\(result.out)\(result.err)")
    }

    /// What is sent behind a response, and waits while nothing is asked for, answers nothing.
    @Test func bytesOnAnIdleConnection_answerNoJob() async throws {
        let result = try await poison(["--cases", "idle", "--alone"])
        #expect(result.status == 0, "\(result.out)\(result.err)")
    }
}
