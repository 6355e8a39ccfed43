import TestSupport
import Testing

/// The live view on a real pseudo-terminal, as an emulator shows it: what is on the screen, and what
/// the terminal is like afterwards.
@Suite(.serialized, .timeLimit(.minutes(5))) struct LiveTerminalTests {
    @Test(arguments: ["sizes", "resize", "keys", "suspend", "background", "ends", "watch"])
    func theLiveView_isWholeOnARealTerminal(part: String) async throws {
        let script = try Tools.script("test_terminal.py")
        let result = try await Program().start(
            Tools.python, ["-B", script, Program.products, part]
        ).wait(seconds: 120)
        #expect(result.status == 0, "\(result.out)\(result.err)")
    }
}
