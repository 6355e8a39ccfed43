import Foundation
import TestSupport
import Testing

/// Chains of redirects lead from the URL asked for to its own body, by the records alone.
/// `Tests/Tools/replay_redirects.py` makes them, and follows them by warcio; with RUNNER_TEST_PYWB=1
/// by pywb, too (`Tests/Tools/prepare replay` installs it).
@Suite struct RedirectReplayTests {
    @Test(arguments: [OutputFormat.jsonl, .warc])
    func redirects_leadWhereTheyLed_byTheRecordsAlone(format: OutputFormat) async throws {
        let program = Program()
        let script = try Tools.script("replay_redirects.py")
        var arguments = [
            "-B", script, "--runner", Program.products + "/runner", "--format", format.rawValue,
        ]
        if setting("RUNNER_TEST_PYWB", default: 0) > 0 { arguments.append("--pywb") }
        let result = try await program.start(Tools.python, arguments).wait(seconds: 300)
        #expect(result.status == 0, "\(result.out.suffix(3000))\(result.err.suffix(1000))")
    }
}
