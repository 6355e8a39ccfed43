import TestSupport
import Testing

/// The test origin's mixed bodies are those that Python makes of the ID: what the output is checked
/// against is no echo of what was served.
@Suite struct MixedBodyTests {
    @Test func theOriginServes_whatPythonMakesOfTheID() async throws {
        let origin = try await TestOrigin()
        let program = Program()
        let script = try Tools.script("check_origin.py")
        let result = try await program.start(
            Tools.python, ["-B", script, origin.url, "--jobs", "0..600"]
        ).wait()
        #expect(result.status == 0, "\(result.out)\(result.err)")
        let summary = try result.json
        #expect(summary["faults"] as? [String] == [])
        // Every way of delivery was among them.
        let deliveries = try #require(summary["deliveries"] as? [String: Int])
        #expect(
            Set(deliveries.keys) == [
                "length", "chunked", "until close", "length gzip", "chunked gzip",
                "until close gzip",
            ])
    }

    /// IDs that do not fit 32 bits, as enqueue allows.
    @Test func largeIDs_areServedAlike() async throws {
        let origin = try await TestOrigin()
        let script = try Tools.script("check_origin.py")
        for first in [4_294_967_290, 999_999_999_990] {
            let result = try await Program().start(
                Tools.python, ["-B", script, origin.url, "--jobs", "\(first)..\(first + 10)"]
            ).wait()
            #expect(result.status == 0, "\(result.out)\(result.err)")
        }
    }

    /// A checker that finds no fault where there is one would prove nothing.
    @Test func theChecker_findsEveryPlantedFault() async throws {
        let script = try Tools.script("test_check_output.py")
        let result = try await Program().start(Tools.python, ["-B", script]).wait()
        #expect(result.status == 0, "\(result.out)\(result.err)")
    }
}
