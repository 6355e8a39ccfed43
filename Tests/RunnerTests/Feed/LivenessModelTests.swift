import JobStore
import TestSupport
import Testing

@testable import Runner

/// Whatever the hosts do that are out of reach, the others are done with in time, and those that
/// come back are, too. `RUNNER_TEST_ROUNDS=2000` tries more of them.
@Suite struct LivenessModelTests {
    @Test func randomMixes_ofHosts_endAsTheyShould() throws {
        let seed = testSeed(for: "randomMixes_ofHosts_endAsTheyShould")
        for round in 0..<UInt64(setting("RUNNER_TEST_ROUNDS", default: 80)) {
            var model = LivenessModel(seed: seed &+ round)
            do {
                let ending = try model.runToTheEnd()
                try model.checkEnd(ending)
            } catch {
                Issue.record("RUNNER_TEST_SEED=\(seed &+ round) shows it in its first round")
                throw error
            }
        }
    }
}
