import TestSupport
import Testing

/// The servers that other tests believe: one that did not do as it was told would prove nothing.
@Suite struct ToolTests {
    @Test(arguments: ["test_raw_origin.py", "test_name_server.py"])
    func theServersInPython_doAsTheyAreTold(script: String) async throws {
        let script = try Tools.script(script)
        let result = try await Program().start(Tools.python, ["-B", script]).wait()
        #expect(result.status == 0, "\(result.out)\(result.err)")
    }
}
